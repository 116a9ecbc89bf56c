import { useEffect } from 'react'
import { useQuery } from 'urql'
import { PortalInstanceDocument } from '../generated/operations.ts'
import { useReturns } from '../graphql/connection.ts'
import { whenInstancesChange } from './changes.ts'

/** An instance, and what the viewer may do on it; read anew after each return of the connection. */
export function useInstance(id: string) {
  const [result, read] = useQuery({ query: PortalInstanceDocument, variables: { id } })
  const returns = useReturns()
  useEffect(() => {
    if (returns > 0) read({ requestPolicy: 'network-only' })
  }, [returns, read])
  useEffect(() => whenInstancesChange(() => read({ requestPolicy: 'network-only' })), [read])
  return { instance: result.data?.instance ?? undefined, loading: result.fetching && !result.data, error: result.error }
}

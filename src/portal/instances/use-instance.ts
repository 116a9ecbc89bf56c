import { useCallback, useEffect } from 'react'
import { useQuery } from 'urql'
import { PortalInstanceDocument } from '../generated/operations.ts'
import { useReturns } from '../graphql/connection.ts'
import { useFresh } from '../graphql/events.ts'
import { whenInstancesChange } from './changes.ts'

const changing = ['INSTANCE_'] as const

/** An instance, and what the viewer may do on it; read anew after each return of the connection. */
export function useInstance(id: string) {
  const [result, read] = useQuery({ query: PortalInstanceDocument, variables: { id } })
  const returns = useReturns()
  useEffect(() => {
    if (returns > 0) read({ requestPolicy: 'network-only' })
  }, [returns, read])
  const anew = useCallback(() => read({ requestPolicy: 'network-only' }), [read])
  useEffect(() => whenInstancesChange(anew), [anew])
  useFresh(changing, anew)
  return { instance: result.data?.instance ?? undefined, loading: result.fetching && !result.data, error: result.error }
}

import { useCallback, useEffect, useRef } from 'react'
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
  // An answer that is under way or failed takes nothing away that is shown already, least of all a key that is shown only once.
  const known = useRef(result.data)
  if (result.data || !(result.fetching || result.error)) known.current = result.data
  const instance = known.current?.instance?.id === id ? known.current.instance : undefined
  return { instance, loading: result.fetching && !instance, error: result.error }
}

import { useCallback } from 'react'
import { useSearchParams } from 'wouter'

export type Address = Readonly<Record<string, string | undefined>>

/**
 * What a view shows, as its address says it. What is left out is the default. Typing replaces the address, choosing adds a step for Back.
 */
export function useAddress(): [get: (name: string) => string | undefined, set: (values: Address, how?: 'push' | 'replace') => void] {
  const [parameters, setParameters] = useSearchParams()
  const get = useCallback((name: string) => parameters.get(name) ?? undefined, [parameters])
  const set = useCallback(
    (values: Address, how: 'push' | 'replace' = 'push') =>
      setParameters(
        (before) => {
          const after = new URLSearchParams(before)
          for (const [name, value] of Object.entries(values)) {
            if (value === undefined) after.delete(name)
            else after.set(name, value)
          }
          return after
        },
        { replace: how === 'replace' },
      ),
    [setParameters],
  )
  return [get, set]
}

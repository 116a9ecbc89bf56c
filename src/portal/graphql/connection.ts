import { useSyncExternalStore } from 'react'

export type Connection = 'connecting' | 'live' | 'lost'

let state: Connection = 'connecting'
/** How often the socket came back after a loss. Whatever is shown is read anew when this grows. */
let returns = 0
const listeners = new Set<() => void>()

function tell(next: Connection): void {
  state = next
  for (const listener of listeners) listener()
}

export function connectionMade(): void {
  if (state === 'lost') returns++
  tell('live')
}

export const connectionLost = (): void => tell('lost')

// A network that is gone closes no socket for a while, and what is shown is old from now on.
addEventListener('offline', connectionLost)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Whether changes arrive by themselves. */
export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => state)

export const useReturns = (): number => useSyncExternalStore(subscribe, () => returns)

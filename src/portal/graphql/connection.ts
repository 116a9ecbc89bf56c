import { useSyncExternalStore } from 'react'
import { createSignal } from './signal.ts'

export type Connection = 'connecting' | 'live' | 'lost'

let state: Connection = 'connecting'
/** How often the socket came back after a loss. Whatever is shown is read anew when this grows. */
let returns = 0
const changes = createSignal()

function tell(next: Connection): void {
  state = next
  changes.tell()
}

export function connectionMade(): void {
  if (state === 'lost') returns++
  tell('live')
}

export const connectionLost = (): void => tell('lost')

// A network that is gone closes no socket for a while, and what is shown is old from now on.
addEventListener('offline', connectionLost)

/** Whether changes arrive by themselves. */
export const useConnection = (): Connection => useSyncExternalStore(changes.listen, () => state)

export const useReturns = (): number => useSyncExternalStore(changes.listen, () => returns)

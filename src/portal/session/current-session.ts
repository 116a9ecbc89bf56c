import { createContext, use } from 'react'
import type { Session } from './session.ts'

export const SessionContext = createContext<Session | undefined>(undefined)

export function useSession(): Session {
  const session = use(SessionContext)
  if (session === undefined) throw new Error('useSession outside of SessionGate')
  return session
}

const listeners = new Set<() => void>()

/** Called by whatever the server refused for want of a session. Returns how to stop. */
export function whenSessionMayHaveEnded(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const sessionMayHaveEnded = (): void => {
  for (const listener of listeners) listener()
}

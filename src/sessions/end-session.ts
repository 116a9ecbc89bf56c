import type { Ports } from '../ports.ts'
import type { SignedIn } from './model.ts'

/** Signs one browser out: its sockets and streams here close at once, those of other nodes within a second. */
export async function endSession(ports: Pick<Ports, 'sessions' | 'openSessions'>, actor: Pick<SignedIn, 'id'>): Promise<void> {
  await ports.sessions.end(actor.id)
  ports.openSessions.ended([actor.id])
}

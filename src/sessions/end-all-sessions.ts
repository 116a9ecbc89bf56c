import type { Ports } from '../ports.ts'
import type { SignedIn } from './model.ts'

/** Signs a person out of every browser, in every organization. */
export async function endAllSessions(ports: Pick<Ports, 'sessions' | 'openSessions'>, actor: Pick<SignedIn, 'subject'>): Promise<void> {
  ports.openSessions.ended(await ports.sessions.endOfSubject(actor.subject))
}

import type { Ports } from '../ports.ts'
import { endSession } from './end-session.ts'
import type { SignedIn } from './model.ts'
import { startSession } from './start-session.ts'

/** Moves a person to another organization of theirs: with a new session, which ends when the old one would have. Throws UNAUTHENTICATED if they are no member there. */
export async function switchOrganization(
  ports: Pick<Ports, 'sessions' | 'openSessions' | 'members' | 'clock' | 'randomBytes'>,
  actor: SignedIn,
  input: { organization: string },
): Promise<{ token: string; memberId: string }> {
  const started = await startSession(ports, { subject: actor.subject, organization: input.organization, signedInAt: actor.signedInAt })
  await endSession(ports, actor)
  return started
}

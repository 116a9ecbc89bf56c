import { randomUUID } from 'node:crypto'
import { unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import { isSubject } from '../members/model.ts'
import { isSlug } from '../names.ts'
import type { Ports } from '../ports.ts'
import { hashOf, newToken } from './model.ts'

/** Signs a person in as the member of an organization, its id or slug; returns the token for the cookie. Throws UNAUTHENTICATED if they are no member. */
export async function startSession(
  ports: Pick<Ports, 'sessions' | 'members' | 'clock' | 'randomBytes'>,
  input: { subject: string; organization: string; signedInAt?: Date },
): Promise<{ token: string; memberId: string }> {
  // Others said who it is, and members are looked up in one batch with other requests: a text that the database rejects would fail all of them.
  if (!isSubject(input.subject) || !(isSlug(input.organization) || isId(input.organization, 'org'))) throw unauthenticated()
  const [member] = await ports.members.bySubject(input.subject, input.organization)
  if (!member) throw unauthenticated()
  const now = ports.clock.now()
  const token = newToken(ports.randomBytes)
  await ports.sessions.insert({ id: randomUUID(), hash: hashOf(token), memberId: member.memberId, signedInAt: input.signedInAt ?? now, usedAt: now })
  return { token, memberId: member.memberId }
}

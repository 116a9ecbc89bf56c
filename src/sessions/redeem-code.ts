import { createHash } from 'node:crypto'
import { unauthenticated } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { startSession } from './start-session.ts'

/** Signs in with the code of a printed link, which works once. Every code that does not work is UNAUTHENTICATED, with one text. */
export async function redeemCode(
  ports: Pick<Ports, 'codes' | 'sessions' | 'members' | 'clock' | 'randomBytes'>,
  input: { code: string },
): Promise<{ token: string; memberId: string }> {
  const named = ports.codes?.open(input.code, ports.clock.now()) ?? null
  if (!named) throw unauthenticated()
  const hash = new Uint8Array(createHash('sha256').update(named.nonce).digest())
  // Before anything else, so that of two at once one gets in.
  if (!(await ports.sessions.useCode(hash, named.endsAt))) throw unauthenticated()
  return startSession(ports, named)
}

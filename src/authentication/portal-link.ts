import { randomUUID } from 'node:crypto'
import { createCodes } from '../crypto/code.ts'

/** How long a printed link works. */
const maxCodeMs = 10 * 60_000

/**
 * A link that signs a member in once. The code is the fragment of the address, which a browser sends to nobody, so that it gets into no log of a
 * proxy. Making one needs no database: the server that takes it checks the signature, and stores that it was used.
 */
export function portalLink(options: { secret: Uint8Array; url: string; subject: string; organization: string; now: Date }): string {
  const { secret, url, subject, organization, now } = options
  const code = createCodes(secret).seal({ subject, organization, nonce: randomUUID(), endsAt: new Date(now.getTime() + maxCodeMs) })
  return `${url}/portal/#code=${code}`
}

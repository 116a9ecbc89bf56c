import { createHash } from 'node:crypto'
import { dayMs } from '../time.ts'

/** A session that nobody used for this long has ended. */
const maxIdleMs = 8 * 60 * 60_000
/** How long after the sign-in a session ends, however much it is used. */
export const maxSessionMs = 7 * dayMs
/** The use of a session is written at most this often. */
export const useMs = 60_000
/** Bytes of a session's token: the value of its cookie. */
const tokenBytes = 32

/** A browser in which a member is signed in. */
export interface Session {
  readonly id: string
  readonly memberId: string
  readonly organizationId: string
  readonly subject: string
  readonly signedInAt: Date
  readonly usedAt: Date
}

/** Who asks, in a use case of this feature. */
export type SignedIn = Pick<Session, 'id' | 'subject' | 'signedInAt'>

/** The text of a cookie, from random bytes. */
export const newToken = (randomBytes: (size: number) => Uint8Array): string => Buffer.from(randomBytes(tokenBytes)).toString('base64url')

/** Whether a text can be a token: others need no look into the database. */
export const isToken = (text: string): boolean => /^[\w-]{43}$/.test(text)

/** What is stored of a token. It has 256 random bits, so a fast hash keeps it. */
export const hashOf = (token: string): Uint8Array<ArrayBuffer> => new Uint8Array(createHash('sha256').update('aura-keys session').update(token).digest())

/** What a session must be newer than to be valid at `now`. */
export const boundsAt = (now: Date): { signedInAfter: Date; usedAfter: Date } => ({
  signedInAfter: new Date(now.getTime() - maxSessionMs),
  usedAfter: new Date(now.getTime() - maxIdleMs),
})

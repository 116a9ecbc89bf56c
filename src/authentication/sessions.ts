import DataLoader from 'dataloader'
import type { Identify } from '../access/actor.ts'
import { unauthenticated } from '../errors.ts'
import { batchSchedule } from '../live/batching.ts'
import type { Clock } from '../ports.ts'
import { hashOf, isToken, maxSessionMs, type Session, useMs } from '../sessions/model.ts'
import type { SessionStore } from '../sessions/store.ts'
import { runForAll } from '../store/work.ts'

/** Finds the session of a cookie; null if there is none that is valid. */
export type FindSession = (token: string) => Promise<Session | null>

/** Many callers share one statement, so that invented cookies cost no connection each; it is never answered from memory, so an end counts at once. */
export function createFindSession(sessions: Pick<SessionStore, 'byHashes' | 'markUsed'>, clock: Clock): FindSession {
  const loader = new DataLoader<string, Session | null>(
    async (tokens) => {
      const now = clock.now()
      const hexOf = (hash: Uint8Array): string => Buffer.from(hash).toString('hex')
      const hashes = tokens.map(hashOf)
      const found = new Map((await sessions.byHashes(hashes, now)).map((session) => [hexOf(session.hash), session]))
      const stale = [...found.values()].filter(({ usedAt }) => now.getTime() - usedAt.getTime() >= useMs)
      if (stale.length > 0)
        await sessions.markUsed(
          stale.map(({ id }) => id),
          now,
        )
      return hashes.map((hash) => found.get(hexOf(hash)) ?? null)
    },
    { batchScheduleFn: batchSchedule(), cache: false },
  )
  return async (token) => (isToken(token) ? runForAll(() => loader.load(token)) : null)
}

/** Checks a token, or else the cookie that came without one: they are never mixed. A session names its organization, and nothing else does. */
export function createIdentifyAny(byToken: Identify, findSession: FindSession): Identify {
  return async (credential) => {
    const { authorization, session: token } = credential
    if (token === undefined || (authorization !== undefined && authorization !== null)) return byToken(credential)
    const session = await findSession(token)
    if (!session) throw unauthenticated()
    const { subject, organizationId, signedInAt, id } = session
    return { subject, organization: organizationId, expiresAt: new Date(signedInAt.getTime() + maxSessionMs), session: id }
  }
}

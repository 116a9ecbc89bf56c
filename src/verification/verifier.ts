import { parseKey } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { type Entry, type KeyCache, type KeyIdentity, maxAgeMs } from './cache.ts'
import { decide, type RefusalCode } from './decide.ts'
import type { Departures } from './lane.ts'
import type { Found, Lookups } from './lookups.ts'
import type { Marks } from './marks.ts'
import { type Hand, type Moment, timeOf } from './moment.ts'
import type { Rehashes } from './rehashes.ts'

/** A failed verification is a value; an exception means that the server cannot know. `json`: the whole answer of `/v1/verify`. */
export type Outcome = { readonly code: 'VALID'; readonly json: string; readonly key: KeyIdentity } | { readonly code: RefusalCode; readonly json: string }

export interface Verifier {
  /** How many verifications were answered from memory, and how many asked the database. */
  readonly tally: { readonly hits: number; readonly misses: number }
  /** Whether the text opens the instance, from memory; null when the database must be asked. Called once the request has arrived. */
  known(text: string, instanceId: string): Outcome | null
  /** The same, with what a statement says that was sent after this call; `fresh`: whatever is in memory. Throws `Undecided`. */
  ask(text: string, instanceId: string, departures: Departures, fresh?: boolean): Promise<Outcome>
}

interface Ground {
  readonly digests: Ports['digests']
  readonly moment: () => Moment
  readonly cache: KeyCache
  readonly marks: Marks
  readonly lookups: Pick<Lookups, 'known' | 'unknown'>
  readonly rehashes: Pick<Rehashes, 'used'>
}

const refusal = (code: RefusalCode): Outcome => ({ code, json: JSON.stringify({ valid: false, code }) })
const refusals: Readonly<Record<RefusalCode, Outcome>> = {
  MALFORMED: refusal('MALFORMED'),
  NOT_FOUND: refusal('NOT_FOUND'),
  WRONG_INSTANCE: refusal('WRONG_INSTANCE'),
  REVOKED: refusal('REVOKED'),
  ORPHANED: refusal('ORPHANED'),
  EXPIRED: refusal('EXPIRED'),
}

/** Stands in for the digest of an unknown key, so that it takes as long to refuse as a known one. */
const noDigest = new Uint8Array(32)

function entryOf(record: KeyRecord, { mark, sentAt }: Hand, now: number): Entry {
  const { id, name, appId, instanceId, organizationId, createdById, expiresAt } = record
  const answer = { valid: true, code: 'VALID', keyId: id, name, appId, instanceId, organizationId, createdBy: createdById, expiresAt: expiresAt.toISOString() }
  const key = { id, name, appId, instanceId, organizationId, createdById }
  return { key, mark, json: JSON.stringify(answer), expiresAt: expiresAt.getTime(), readAt: sentAt.mono, usedAt: now }
}

const isOld = ({ readAt }: Entry, now: Moment): boolean => now.mono - readAt >= maxAgeMs

const valid = ({ key, json }: Entry): Outcome => ({ code: 'VALID', json, key })

/**
 * Whether texts open instances. What was found valid stays in memory and counts while its organization's mark is the same: every denial moves the
 * mark in its own commit, so an entry that agrees with a mark is what the database said when that mark was read.
 */
export function createVerifier({ digests, moment, cache, marks, lookups, rehashes }: Ground): Verifier {
  /** What an entry says at a moment; null when it says nothing any more. */
  function fromEntry(text: string, entry: Entry, hand: Hand, now: Moment, instanceId: string): Outcome | null {
    if (entry.mark !== hand.mark || isOld(entry, now)) return null
    if (entry.key.instanceId !== instanceId) return refusals.WRONG_INSTANCE
    entry.usedAt = Math.max(entry.usedAt, timeOf(hand, now))
    if (entry.usedAt < entry.expiresAt) return valid(entry)
    cache.delete(text)
    return refusals.EXPIRED
  }

  async function fromRow(text: string, instanceId: string, departures: Departures, isKnown: boolean): Promise<Outcome> {
    const parsed = parseKey(text)
    if (!parsed) return refusals.MALFORMED
    const found: Found | null = await lookups[isKnown ? 'known' : 'unknown'].record(parsed.keyId, departures)
    const record = found?.record
    const matches = digests.matches(parsed.plaintext, record?.pepperId ?? digests.currentId, record?.digest ?? noDigest)
    const { wall } = moment()
    const code = found && matches ? decide(found.record, instanceId, new Date(wall)) : 'NOT_FOUND'
    if (found && code === 'VALID') {
      const entry = entryOf(found.record, found.hand, Math.max(wall, found.hand.databaseTime))
      cache.set(text, entry)
      rehashes.used(parsed.plaintext, found.record)
      return valid(entry)
    }
    // A key that is asked for another instance is as good as before.
    if (isKnown && code !== 'WRONG_INSTANCE') cache.delete(text)
    return refusals[code as RefusalCode]
  }

  const tally = { hits: 0, misses: 0 }

  return {
    tally,
    known: (text, instanceId) => {
      const entry = cache.get(text)
      if (!entry) return null
      const now = moment()
      const hand = marks.inHand(entry.key.organizationId, now)
      const outcome = hand && fromEntry(text, entry, hand, now, instanceId)
      if (outcome) tally.hits++
      return outcome
    },
    ask: async (text, instanceId, departures, fresh = false) => {
      tally.misses++
      const entry = cache.get(text)
      const arrived = moment()
      if (entry && !fresh && !isOld(entry, arrived)) {
        const { organizationId } = entry.key
        const hand = marks.inHand(organizationId, arrived) ?? (await marks.read(organizationId, departures))
        const outcome = fromEntry(text, entry, hand, moment(), instanceId)
        if (outcome) return outcome
      }
      return fromRow(text, instanceId, departures, entry !== undefined)
    },
  }
}

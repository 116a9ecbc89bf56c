import { parseKey } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { type Entry, type KeyCache, type KeyIdentity, maxAgeMs } from './cache.ts'
import { decide, type RefusalCode } from './decide.ts'
import type { Departures } from './lane.ts'
import type { Found, Lookups } from './lookups.ts'
import type { Marks } from './marks.ts'
import { type Hand, type Moment, timeOfRead, timeOfReuse } from './moment.ts'
import type { Rehashes } from './rehashes.ts'

/** A failed verification is a value; an exception means that the server cannot decide. `json`: the response of `/v1/verify`. */
export type Outcome = { readonly code: 'VALID'; readonly json: string; readonly key: KeyIdentity } | { readonly code: RefusalCode; readonly json: string }

export interface Verifier {
  /** How many verifications were decided from memory, and how many read the database. */
  readonly tally: { readonly hits: number; readonly misses: number }
  /** Decides from memory whether the key opens the instance; null if the database must be read. Called after the request arrived. */
  known(text: string, instanceId: string): Outcome | null
  /** The same, read by a statement sent after this call; `fresh` ignores what is in memory. Throws `Undecided`. */
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

/** Replaces the digest of an unknown key, so that its refusal takes as long as for a known one. */
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
 * Decides whether keys open instances. A valid key stays in memory and is used while its organization's mark is the same: every denial moves
 * the mark in its own commit, so an entry with the same mark is what the database had when that mark was read.
 */
export function createVerifier({ digests, moment, cache, marks, lookups, rehashes }: Ground): Verifier {
  /** Decides by an entry at a moment, and a time for its end; null if the entry is outdated. */
  function fromEntry(entry: Entry, hand: Hand, now: Moment, time: number, instanceId: string): Outcome | null {
    if (entry.mark !== hand.mark || isOld(entry, now)) return null
    if (entry.key.instanceId !== instanceId) return refusals.WRONG_INSTANCE
    entry.usedAt = Math.max(entry.usedAt, time)
    // After its end a key may have been revoked without a move of the mark: only the row says which refusal it is.
    return entry.usedAt < entry.expiresAt ? valid(entry) : null
  }

  async function fromRow(text: string, instanceId: string, departures: Departures, entry: Entry | undefined): Promise<Outcome> {
    const parsed = parseKey(text)
    if (!parsed) return refusals.MALFORMED
    const found: Found | null = await lookups[entry ? 'known' : 'unknown'].record(parsed.keyId, departures)
    const record = found?.record
    const matches = digests.matches(parsed.plaintext, record?.pepperId ?? digests.currentId, record?.digest ?? noDigest)
    const read = moment()
    // Time does not go back for a key in memory.
    const now = new Date(Math.max(read.wall, entry?.usedAt ?? 0))
    const code = found && matches ? decide(found.record, instanceId, now) : 'NOT_FOUND'
    if (found && code === 'VALID') {
      const filled = entryOf(found.record, found.hand, timeOfRead(found.hand, read))
      cache.set(text, filled)
      rehashes.used(parsed.plaintext, found.record)
      return valid(filled)
    }
    // A key that is sent for another instance stays valid.
    if (entry && code !== 'WRONG_INSTANCE') cache.delete(text)
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
      const outcome = hand && fromEntry(entry, hand, now, timeOfReuse(hand, now), instanceId)
      if (outcome) tally.hits++
      return outcome
    },
    ask: async (text, instanceId, departures, fresh = false) => {
      tally.misses++
      const entry = cache.get(text)
      const arrived = moment()
      if (entry && !fresh && !isOld(entry, arrived)) {
        const { organizationId } = entry.key
        const inHand = marks.inHand(organizationId, arrived)
        const hand = inHand ?? (await marks.read(organizationId, departures))
        const now = moment()
        const outcome = fromEntry(entry, hand, now, inHand ? timeOfReuse(hand, now) : timeOfRead(hand, now), instanceId)
        if (outcome) return outcome
      }
      return fromRow(text, instanceId, departures, entry)
    },
  }
}

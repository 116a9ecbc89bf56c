import { randomBytes } from 'node:crypto'
import { createDigests } from '../../src/crypto/digest.ts'
import { formatKey, parseKey } from '../../src/crypto/key-format.ts'
import { newId } from '../../src/ids.ts'
import type { KeyRecord } from '../../src/keys/model.ts'
import { createKeyCache, type KeyCache } from '../../src/verification/cache.ts'
import { createHands, createMarks, type Marks } from '../../src/verification/marks.ts'
import { type Moment, reuseMs } from '../../src/verification/moment.ts'
import { createVerifier, type Verifier } from '../../src/verification/verifier.ts'

const digests = createDigests([new Uint8Array(32).fill(1)])
export const organizationId = newId('org')
export const instanceId = newId('ins')
/** When every key ends. */
export const end = Date.UTC(2030, 0, 1)

/** A node's verification over a database that answers at once, with every clock set by hand. */
export class VerificationModel {
  /** Both clocks of the node, and the database's. */
  clocks: Moment & { database: number } = { mono: 1_000, wall: Date.UTC(2029, 0, 1), database: Date.UTC(2029, 0, 1) }
  /** What the database holds. */
  readonly rows = new Map<string, KeyRecord>()
  mark = 'first'
  /** How long a statement takes until the database reads its clock. */
  statementMs = 0
  /** What was asked of it, in order. */
  asked: string[] = []
  verifier!: Verifier
  cache!: KeyCache

  constructor() {
    this.start()
  }

  /** As a node that has just started. */
  start(marks?: Marks, maxEntries = 1_000): void {
    const hands = createHands()
    const moment = (): Moment => ({ mono: this.clocks.mono, wall: this.clocks.wall })
    const read = (name: string, mark: string) => {
      this.asked.push(name)
      const sentAt = moment()
      this.pass(this.statementMs)
      const hand = { mark, sentAt, databaseTime: this.clocks.database }
      hands.put(organizationId, hand)
      return hand
    }
    const lane = (name: string) => ({
      waiting: 0,
      record: async (id: string) => {
        const hand = read(name, marks?.inHand(organizationId, moment())?.mark ?? this.mark)
        const record = this.rows.get(id)
        return record ? { record: { ...record, mark: this.mark, readAt: new Date(this.clocks.database) }, hand } : null
      },
    })
    this.cache = createKeyCache(maxEntries, 128_000_000)
    this.verifier = createVerifier({
      digests,
      moment,
      cache: this.cache,
      marks: marks ?? createMarks(hands, { record: async () => read('marks', this.mark) }, reuseMs),
      lookups: { known: lane('known'), unknown: lane('unknown') },
      rehashes: { used: () => undefined },
    })
  }

  pass(ms: number): void {
    this.clocks = { mono: this.clocks.mono + ms, wall: this.clocks.wall + ms, database: this.clocks.database + ms }
  }

  /** A key that the database holds. */
  make(): string {
    const id = newId('key')
    const plaintext = formatKey(id, randomBytes(32))
    const facts = { name: 'k', organizationId, appId: 'app', instanceId, createdById: 'mem', revokedAt: null, orphanReason: null }
    const owners = { instanceDeletedAt: null, creatorRemovedAt: null, expiresAt: new Date(end), expiredAt: null, readAt: new Date(0), mark: '' }
    this.rows.set(id, { id, ...facts, ...owners, ...digests.digest(plaintext) })
    return plaintext.expose()
  }

  idOf(text: string): string {
    return parseKey(text)?.keyId ?? ''
  }

  change(text: string, facts: Partial<KeyRecord>): void {
    const id = this.idOf(text)
    this.rows.set(id, { ...(this.rows.get(id) as KeyRecord), ...facts })
  }

  /** As a denial does it: the fact and the mark in one commit. */
  revoke(text: string): void {
    this.change(text, { revokedAt: new Date(this.clocks.database) })
    this.mark = `after ${text}`
  }

  async codeOf(text: string, instance = instanceId, fresh = false): Promise<string> {
    const known = fresh ? null : this.verifier.known(text, instance)
    return (known ?? (await this.verifier.ask(text, instance, new Set(), fresh))).code
  }

  /** What a verification asked the database, and what came of it. */
  async asks(text: string, instance = instanceId, fresh = false): Promise<string> {
    this.asked = []
    const code = await this.codeOf(text, instance, fresh)
    return [...this.asked, code].join(' ')
  }
}

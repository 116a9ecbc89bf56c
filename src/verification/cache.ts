import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { KeyRecord } from '../keys/model.ts'

/** What a valid key says of itself. */
export type KeyIdentity = Pick<KeyRecord, 'id' | 'name' | 'organizationId' | 'appId' | 'instanceId' | 'createdById'>

/** A key that was found valid once. It counts while its mark is that of its organization. */
export interface Entry {
  readonly key: KeyIdentity
  readonly mark: string
  /** The whole answer of `/v1/verify`. */
  readonly json: string
  /** When it ends, in milliseconds. */
  readonly expiresAt: number
  /** Before the statement was sent that it is from, by the clock that never goes back. */
  readonly readAt: number
  /** The latest time that it was used at. Time never goes back for it. */
  usedAt: number
}

/** No entry is used for longer, in milliseconds. */
export const maxAgeMs = 600_000
/** All of them together, in bytes; how many there may be is a setting. */
export const maxCacheBytes = 128_000_000
/** What an entry takes beside its texts, in bytes. */
const entryBytes = 600

/** Keys by the SHA-256 of their whole text, so that only who holds a key finds it. Holds no text of a key, and nothing that was refused. */
export interface KeyCache {
  get(text: string): Entry | undefined
  set(text: string, entry: Entry): void
  delete(text: string): void
  readonly entries: number
  readonly bytes: number
}

const keyOf = (text: string): string => hash('sha256', text, 'binary')

export function createKeyCache(maxEntries: number, maxBytes: number): KeyCache {
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    maxSize: maxBytes,
    // An answer in Latin letters takes a byte for each, its texts once more; in others two.
    sizeCalculation: ({ json }) => entryBytes + 2 * json.length,
  })
  return {
    get: (text) => entries.get(keyOf(text)),
    set: (text, entry) => void entries.set(keyOf(text), entry),
    delete: (text) => void entries.delete(keyOf(text)),
    get entries() {
      return entries.size
    },
    get bytes() {
      return entries.calculatedSize
    },
  }
}

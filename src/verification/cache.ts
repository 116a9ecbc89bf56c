import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { KeyRecord } from '../keys/model.ts'

/** The owner data of a valid key. */
export type KeyIdentity = Pick<KeyRecord, 'id' | 'name' | 'organizationId' | 'appId' | 'instanceId' | 'createdById'>

/** A key that was valid once. It is used while its mark equals its organization's mark. */
export interface Entry {
  readonly key: KeyIdentity
  readonly mark: string
  /** Response body of `/v1/verify`. */
  readonly json: string
  /** Its expiry, in milliseconds. */
  readonly expiresAt: number
  /** The monotonic time before its statement was sent. */
  readonly readAt: number
  /** The latest time of use; it never goes back. */
  usedAt: number
}

/** Maximum age of an entry, in milliseconds. */
export const maxAgeMs = 600_000
/** Maximum bytes of all entries; their maximum number is a setting. */
export const maxCacheBytes = 128_000_000
/** Bytes of an entry without its texts. */
const entryBytes = 600

/** Keys by the SHA-256 of their whole text, so that only the holder of a key finds it. Keeps no key text and no refusals. */
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
    // Latin letters take one byte each, and the key's texts repeat them; others take two.
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

import type { Digests } from '../crypto/digest.ts'
import type { Plaintext } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Rehash, VerificationStore } from './store.ts'

/** At most this many keys wait for a rehash; others get it at their next use. */
const maxPending = 10_000
/** The maximum number of rows in one statement. */
const maxRows = 1_000

export interface Rehashes {
  /** Queues a valid key for a rehash if its digest does not use the current pepper. */
  used(plaintext: Plaintext, record: Pick<KeyRecord, 'id' | 'pepperId' | 'digest'>): void
  /** Writes the rehashes since the last call. */
  flush(): Promise<void>
}

/** Moves keys to the current pepper when they are used, so that an old pepper can be removed; unused keys keep theirs. */
export function createRehashes(digests: Pick<Digests, 'currentId' | 'digest'>, store: Pick<VerificationStore, 'rehash'>): Rehashes {
  let pending = new Map<string, Rehash>()
  return {
    used: (plaintext, { id, pepperId, digest }) => {
      if (pepperId === digests.currentId || (pending.size >= maxPending && !pending.has(id))) return
      pending.set(id, { keyId: id, was: digest, ...digests.digest(plaintext) })
    },
    flush: async () => {
      if (pending.size === 0) return
      const all = [...pending.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
      pending = new Map()
      for (let at = 0; at < all.length; at += maxRows) await store.rehash(all.slice(at, at + maxRows))
    },
  }
}

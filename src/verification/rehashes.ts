import type { Digests } from '../crypto/digest.ts'
import type { Plaintext } from '../crypto/key-format.ts'
import type { KeyRecord } from '../keys/model.ts'
import type { Rehash, VerificationStore } from './store.ts'

/** So many keys wait to be re-hashed at most; others are when they are used again. */
const maxPending = 10_000
/** At most this many are written in one statement. */
const maxRows = 1_000

export interface Rehashes {
  /** A key was found valid: it is put down to be re-hashed if its digest is of another pepper than the one to write with. */
  used(plaintext: Plaintext, record: Pick<KeyRecord, 'id' | 'pepperId' | 'digest'>): void
  /** Writes what gathered since the last call. */
  flush(): Promise<void>
}

/** Brings keys under the current pepper as they are used, so that an old pepper can go; a key that nobody uses keeps its own. */
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

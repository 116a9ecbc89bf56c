import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Plaintext } from './key-format.ts'

/** 32 secret bytes that are not in the database, and their public id in rows. */
export interface Pepper {
  readonly id: string
  readonly bytes: Uint8Array
}

/** HMAC-SHA-256 of whole keys under the current pepper; older peppers still match. */
export interface Digests {
  readonly pepperIds: readonly string[]
  /** The pepper of new digests. */
  readonly currentId: string
  /** Takes the ids that every serving node knows: new digests use the newest of them. */
  agree(known: ReadonlySet<string>): void
  digest(plaintext: Plaintext): { pepperId: string; digest: Uint8Array }
  /** Constant-time; false for a pepper that is not configured. */
  matches(plaintext: Plaintext, pepperId: string, digest: Uint8Array): boolean
}

/** Pepper ids are fingerprints, so the same bytes have the same id on every node. */
export function pepperOf(secret: Uint8Array): Pepper {
  const bytes = new Uint8Array(hkdfSync('sha256', secret, '', 'aura-keys api key digest', 32))
  return { id: createHash('sha256').update('aura-keys pepper id').update(bytes).digest('hex').slice(0, 16), bytes }
}

const hmac = (pepper: Pepper, plaintext: Plaintext): Uint8Array => createHmac('sha256', pepper.bytes).update(plaintext.expose()).digest()

/** `secrets`: 32 bytes each, the current one first. */
export function createDigests(secrets: readonly Uint8Array[]): Digests {
  const peppers = secrets.map(pepperOf)
  let [current] = peppers as [Pepper]
  if (!current) throw new Error('at least one pepper is needed')
  const byId = new Map(peppers.map((pepper) => [pepper.id, pepper]))
  return {
    pepperIds: peppers.map((pepper) => pepper.id),
    get currentId() {
      return current.id
    },
    agree: (known) => {
      current = peppers.find((pepper) => known.has(pepper.id)) ?? current
    },
    digest: (plaintext) => ({ pepperId: current.id, digest: hmac(current, plaintext) }),
    matches: (plaintext, pepperId, digest) => {
      const pepper = byId.get(pepperId)
      return pepper !== undefined && digest.length === 32 && timingSafeEqual(hmac(pepper, plaintext), digest)
    },
  }
}

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** What a sealed value is bound to: opening it anywhere else fails. */
export type Place = readonly (string | number)[]

/** Envelope encryption: a data key per value, wrapped by a key-encryption key that is not in the database. */
export interface Seals {
  /** Ids of the configured key-encryption keys, the newest first. */
  readonly kekIds: readonly string[]
  /** The one that is written with: the newest that every serving node knows. */
  readonly currentId: string
  /** Tells which ids every serving node knows. */
  agree(known: ReadonlySet<string>): void
  seal(place: Place, value: string): { kekId: string; sealed: Uint8Array }
  /** Null for whatever is not exactly what `seal` made for this place under a configured key. */
  open(place: Place, sealed: Uint8Array): string | null
  /** The same value with its data key wrapped anew under the current key; null as for `open`. */
  rewrap(place: Place, sealed: Uint8Array): { kekId: string; sealed: Uint8Array } | null
  /** A text that only the server opens, for the same place. */
  sealToken(place: Place, value: string): string
  openToken(place: Place, token: string): string | null
}

const format = 1
/** AES-256-GCM with random 96-bit nonces and whole tags; the only algorithm there is. */
const algorithm = 1
const ivBytes = 12
const tagBytes = 16
const kekIdBytes = 8
const headerBytes = 2 + kekIdBytes
const wrappedBytes = ivBytes + 32 + tagBytes

interface Kek {
  readonly id: Buffer
  readonly wrap: Uint8Array
  readonly token: Uint8Array
}

const derive = (secret: Uint8Array, label: string): Uint8Array => new Uint8Array(hkdfSync('sha256', secret, '', label, 32))

function kekOf(secret: Uint8Array): Kek {
  const wrap = derive(secret, 'aura-keys secret data key')
  const id = createHash('sha256').update('aura-keys kek id').update(wrap).digest().subarray(0, kekIdBytes)
  return { id, wrap, token: derive(secret, 'aura-keys save token') }
}

// JSON keeps the parts apart: no two places have the same text.
const bind = (label: string, place: Place): Buffer => Buffer.from(JSON.stringify([label, format, algorithm, ...place]))

function encrypt(key: Uint8Array, bound: Buffer, value: Uint8Array): Buffer {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(bound)
  return Buffer.concat([iv, cipher.update(value), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Uint8Array, bound: Buffer, sealed: Uint8Array): Buffer | null {
  if (sealed.length < ivBytes + tagBytes) return null
  // Without `authTagLength` Node takes a truncated tag for a whole one.
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(bound).setAuthTag(sealed.subarray(sealed.length - tagBytes))
  try {
    // What `update` gives is not verified yet: nothing leaves before `final` has agreed.
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, sealed.length - tagBytes)), decipher.final()])
  } catch {
    return null
  }
}

/** `secrets`: 32 bytes each, the current one first. Each use has a key of its own, derived under its own label. */
export function createSeals(secrets: readonly Uint8Array[]): Seals {
  const keks = secrets.map(kekOf)
  let [current] = keks as [Kek]
  if (!current) throw new Error('at least one key-encryption key is needed')
  const byId = new Map(keks.map((kek) => [kek.id.toString('hex'), kek]))
  const header = (): Buffer => Buffer.concat([Buffer.from([format, algorithm]), current.id])
  const wrapped = (place: Place, dataKey: Uint8Array): Buffer =>
    Buffer.concat([header(), encrypt(current.wrap, bind(`data key under ${current.id.toString('hex')}`, place), dataKey)])

  /** The data key and the encrypted value of what `seal` made. */
  function unwrap(place: Place, sealed: Uint8Array): { dataKey: Buffer; body: Uint8Array } | null {
    if (sealed.length < headerBytes + wrappedBytes || sealed[0] !== format || sealed[1] !== algorithm) return null
    const kekId = Buffer.from(sealed.subarray(2, headerBytes)).toString('hex')
    const kek = byId.get(kekId)
    if (!kek) return null
    const dataKey = decrypt(kek.wrap, bind(`data key under ${kekId}`, place), sealed.subarray(headerBytes, headerBytes + wrappedBytes))
    return dataKey && { dataKey, body: sealed.subarray(headerBytes + wrappedBytes) }
  }

  const currentId = (): string => current.id.toString('hex')
  return {
    kekIds: keks.map((kek) => kek.id.toString('hex')),
    get currentId() {
      return currentId()
    },
    agree: (known) => {
      current = keks.find((kek) => known.has(kek.id.toString('hex'))) ?? current
    },
    seal: (place, value) => {
      const dataKey = randomBytes(32)
      const body = encrypt(dataKey, bind('secret', place), Buffer.from(value))
      return { kekId: currentId(), sealed: new Uint8Array(Buffer.concat([wrapped(place, dataKey), body])) }
    },
    open: (place, sealed) => {
      const inner = unwrap(place, sealed)
      return inner && (decrypt(inner.dataKey, bind('secret', place), inner.body)?.toString() ?? null)
    },
    rewrap: (place, sealed) => {
      const inner = unwrap(place, sealed)
      return inner && { kekId: currentId(), sealed: new Uint8Array(Buffer.concat([wrapped(place, inner.dataKey), inner.body])) }
    },
    sealToken: (place, value) => Buffer.concat([header(), encrypt(current.token, bind('save token', place), Buffer.from(value))]).toString('base64url'),
    openToken: (place, token) => {
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length < headerBytes || bytes.toString('base64url') !== token || bytes[0] !== format || bytes[1] !== algorithm) return null
      const kek = byId.get(bytes.subarray(2, headerBytes).toString('hex'))
      return kek ? (decrypt(kek.token, bind('save token', place), bytes.subarray(headerBytes))?.toString() ?? null) : null
    },
  }
}

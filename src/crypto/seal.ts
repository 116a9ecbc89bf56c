import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** What a sealed value is bound to: opening it anywhere else fails. */
export type Place = readonly (string | number)[]

/** How a value is sealed. Format 1 opens, but is written only while a serving node knows no other; format 2 binds more. */
type Format = 1 | 2

/** What a value is bound to, by format. */
export type Places = Readonly<Record<Format, Place>>

/** Envelope encryption: a data key per value, wrapped by a key-encryption key that is not in the database. */
export interface Seals {
  /** Ids of the configured key-encryption keys, the newest first. */
  readonly kekIds: readonly string[]
  /** What a node tells the others that it knows: these ids, and the formats after the first. */
  readonly knownIds: readonly string[]
  /** The key for new values: the newest that every serving node knows. */
  readonly currentId: string
  /** The format of new values, chosen the same way. */
  readonly format: Format
  /** Takes the ids that every serving node knows. */
  agree(known: ReadonlySet<string>): void
  seal(places: Places, value: string): { kekId: string; sealed: Uint8Array }
  /** Null for anything that `seal` did not make exactly so, for this place under a configured key. */
  open(places: Places, sealed: Uint8Array): string | null
  /**
   * The same value with its data key wrapped again under the current key, and sealed again if its format is older than the current one;
   * null as for `open`.
   */
  rewrap(places: Places, sealed: Uint8Array): { kekId: string; sealed: Uint8Array } | null
  /** A text that only the server can open, for the same place. */
  sealToken(place: Place, value: string): string
  openToken(place: Place, token: string): string | null
}

/** A node with this id among those it knows opens format 2. */
const format2Id = 'seal-format-2'
/** Save tokens have their own format, which never changed: no token is older than 15 minutes. */
const tokenFormat = 1
/** AES-256-GCM with random 96-bit nonces and whole tags; the only algorithm. */
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
const bind = (label: string, format: number, place: Place): Buffer => Buffer.from(JSON.stringify([label, format, algorithm, ...place]))

const formatOf = (sealed: Uint8Array): Format | null => (sealed[0] === 1 || sealed[0] === 2 ? sealed[0] : null)

function encrypt(key: Uint8Array, bound: Buffer, value: Uint8Array): Buffer {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(bound)
  return Buffer.concat([iv, cipher.update(value), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Uint8Array, bound: Buffer, sealed: Uint8Array): Buffer | null {
  if (sealed.length < ivBytes + tagBytes) return null
  // Without `authTagLength` Node accepts a truncated tag as a whole one.
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(bound).setAuthTag(sealed.subarray(sealed.length - tagBytes))
  try {
    // What `update` returns is not verified yet: nothing leaves before `final` succeeds.
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, sealed.length - tagBytes)), decipher.final()])
  } catch {
    return null
  }
}

/** `secrets`: 32 bytes each, the current one first. Each use has its own key, derived under its own label. */
export function createSeals(secrets: readonly Uint8Array[]): Seals {
  const keks = secrets.map(kekOf)
  const [newest] = keks
  if (!newest) throw new Error('at least one key-encryption key is needed')
  let current: { kek: Kek; format: Format } = { kek: newest, format: 2 }
  const byId = new Map(keks.map((kek) => [kek.id.toString('hex'), kek]))
  const kekIds = [...byId.keys()]
  const currentId = (): string => current.kek.id.toString('hex')
  const header = (format: number): Buffer => Buffer.concat([Buffer.from([format, algorithm]), current.kek.id])

  /** Returns a whole sealed value: `body` is the value, encrypted under the data key in the same format. */
  const assemble = (format: Format, place: Place, dataKey: Uint8Array, body: Uint8Array): { kekId: string; sealed: Uint8Array } => {
    const wrapped = encrypt(current.kek.wrap, bind(`data key under ${currentId()}`, format, place), dataKey)
    return { kekId: currentId(), sealed: new Uint8Array(Buffer.concat([header(format), wrapped, body])) }
  }

  /** Returns the data key and the encrypted value of what `seal` made. */
  function unwrap(places: Places, sealed: Uint8Array): { format: Format; dataKey: Buffer; body: Uint8Array } | null {
    const format = formatOf(sealed)
    if (format === null || sealed.length < headerBytes + wrappedBytes || sealed[1] !== algorithm) return null
    const kekId = Buffer.from(sealed.subarray(2, headerBytes)).toString('hex')
    const kek = byId.get(kekId)
    if (!kek) return null
    const wrapped = sealed.subarray(headerBytes, headerBytes + wrappedBytes)
    const dataKey = decrypt(kek.wrap, bind(`data key under ${kekId}`, format, places[format]), wrapped)
    return dataKey && { format, dataKey, body: sealed.subarray(headerBytes + wrappedBytes) }
  }

  const seal = (places: Places, value: Uint8Array): { kekId: string; sealed: Uint8Array } => {
    const { format } = current
    const dataKey = randomBytes(32)
    return assemble(format, places[format], dataKey, encrypt(dataKey, bind('secret', format, places[format]), value))
  }
  const opened = (places: Places, { format, dataKey, body }: { format: Format; dataKey: Buffer; body: Uint8Array }): Buffer | null =>
    decrypt(dataKey, bind('secret', format, places[format]), body)

  return {
    kekIds,
    knownIds: [...kekIds, format2Id],
    get currentId() {
      return currentId()
    },
    get format() {
      return current.format
    },
    agree: (known) => {
      current = { kek: keks.find((kek) => known.has(kek.id.toString('hex'))) ?? current.kek, format: known.has(format2Id) ? 2 : 1 }
    },
    seal: (places, value) => seal(places, Buffer.from(value)),
    open: (places, sealed) => {
      const inner = unwrap(places, sealed)
      return inner && (opened(places, inner)?.toString() ?? null)
    },
    rewrap: (places, sealed) => {
      const inner = unwrap(places, sealed)
      // Never back to an older format, which would bind less.
      if (!inner || inner.format >= current.format) return inner && assemble(inner.format, places[inner.format], inner.dataKey, inner.body)
      const value = opened(places, inner)
      return value && seal(places, value)
    },
    sealToken: (place, value) =>
      Buffer.concat([header(tokenFormat), encrypt(current.kek.token, bind('save token', tokenFormat, place), Buffer.from(value))]).toString('base64url'),
    openToken: (place, token) => {
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length < headerBytes || bytes.toString('base64url') !== token || bytes[0] !== tokenFormat || bytes[1] !== algorithm) return null
      const kek = byId.get(bytes.subarray(2, headerBytes).toString('hex'))
      return kek ? (decrypt(kek.token, bind('save token', tokenFormat, place), bytes.subarray(headerBytes))?.toString() ?? null) : null
    },
  }
}

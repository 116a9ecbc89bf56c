import { inspect } from 'node:util'
import { crc32 } from 'node:zlib'

/** Every key matches this, so that secret scanners can find it: `aura_<id>_<secret><checksum>`. */
export const keyPattern = /^aura_([0-7][0-9a-hjkmnp-tv-z]{25})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function base62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)] + text
  return text
}

const checksum = (body: string): string => base62(BigInt(crc32(body)), 6)

/** The text of a key. Always prints as `[redacted]`; only `expose` returns the text. */
export class Plaintext {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself. Called only where a plaintext is digested, sealed or cut to a hint, or leaves the process. */
  expose(): string {
    return this.#text
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [inspect.custom](): string {
    return '[redacted]'
  }
}

/** A new plaintext for the key id (`key_…`) from 32 random bytes. */
export function formatKey(keyId: string, secret: Uint8Array): Plaintext {
  if (secret.length !== 32) throw new Error('a key needs 32 random bytes')
  const body = `aura_${keyId.slice('key_'.length)}_${base62(BigInt(`0x${Buffer.from(secret).toString('hex')}`), 43)}`
  return new Plaintext(body + checksum(body))
}

/** The key id and the plaintext; null if the text is not a key or its checksum is wrong. Nothing is trimmed. */
export function parseKey(text: string): { keyId: string; plaintext: Plaintext } | null {
  const match = keyPattern.exec(text)
  if (!match || checksum(text.slice(0, -6)) !== match[3]) return null
  return { keyId: `key_${match[1]}`, plaintext: new Plaintext(text) }
}

/** What people recognise a key by: `aura_01jx…9f3k`, the start of its id and the end of its checksum. */
export const keyHint = (plaintext: Plaintext): string => `${plaintext.expose().slice(0, 9)}…${plaintext.expose().slice(-4)}`

/** Returns the text with every key in it redacted, whole or in part. */
export const redactKeys = (text: string): string => text.replace(/aura_[0-9a-z]{26}_[0-9A-Za-z]*/gi, '[redacted]')

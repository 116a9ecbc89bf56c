import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { createCursors } from '../../src/crypto/cursor.ts'
import { createDigests } from '../../src/crypto/digest.ts'
import { Plaintext } from '../../src/crypto/key-format.ts'
import { createSeals } from '../../src/crypto/seal.ts'

const secret = new Uint8Array(32).fill(7)
const derived = (label: string): Uint8Array => new Uint8Array(hkdfSync('sha256', secret, '', label, 32))

/** The published key of each use, and whatever else somebody could take for one. */
const keys = {
  digest: derived('aura-keys api key digest'),
  cursor: derived('aura-keys cursor'),
  'data key': derived('aura-keys secret data key'),
  'save token': derived('aura-keys save token'),
  'the secret itself': secret,
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()

const opens = (key: Uint8Array, bound: string, sealed: Uint8Array): boolean => {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(bound)).setAuthTag(sealed.subarray(-16))
  decipher.update(sealed.subarray(12, -16))
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

test('SR-16 one secret given for every use is a key of its own in each: none does the work of another, nor does the secret itself', () => {
  const [seals, digests] = [createSeals([secret]), createDigests([secret])]
  const cursors = createCursors([secret], () => digests.currentId)
  const place = ['org_a', 'sec_a', 1]
  const list = 'keys:org_a'
  const position = ['2026-11-23', 'key_a']
  // One text for both HMACs: under equal keys they would be equal.
  const text = `${list.length}:${list}${JSON.stringify(position)}`
  const { sealed } = seals.seal({ 1: place, 2: place }, 'value')
  const uses: Record<Exclude<keyof typeof keys, 'the secret itself'>, (key: Uint8Array) => boolean> = {
    digest: (key) => hmac(key, text).equals(digests.digest(new Plaintext(text)).digest),
    cursor: (key) =>
      hmac(key, text)
        .subarray(0, 16)
        .equals(Buffer.from(cursors.seal(list, position), 'base64url').subarray(0, 16)),
    'data key': (key) => opens(key, JSON.stringify([`data key under ${seals.currentId}`, 2, 1, ...place]), sealed.subarray(10, 70)),
    'save token': (key) => opens(key, JSON.stringify(['save token', 1, 1, ...place]), Buffer.from(seals.sealToken(place, 'value'), 'base64url').subarray(10)),
  }
  const fitting = Object.entries(uses).map(([use, fits]) => [use, Object.entries(keys).flatMap(([name, key]) => (fits(key) ? [name] : []))])
  expect(fitting).toEqual(Object.keys(uses).map((use) => [use, [use]]))
  expect(new Set(Object.values(keys).map((key) => Buffer.from(key).toString('hex'))).size).toBe(5)
})

test('SR-16 what rows and files name a secret by is no part of any key', () => {
  const ids = [createDigests([secret]).pepperIds[0], createSeals([secret]).kekIds[0]]
  expect(ids.every((id) => id?.length === 16)).toBe(true)
  for (const id of ids) for (const key of Object.values(keys)) expect(Buffer.from(key).toString('hex')).not.toContain(id)
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { filesWith, forms, hits } from './search.ts'

const plaintext = `aura_${'0'.repeat(26)}_${'Ab1'.repeat(16)}Z`
const bytes = Buffer.from(plaintext)
const digest = Buffer.from(Array.from({ length: 32 }, (_, at) => (at * 37 + 130) % 256))

test('the search finds a plaintext, and bytes, in each of their forms', () => {
  for (const hidden of [plaintext, digest]) {
    expect(forms(hidden).length).toBeGreaterThan(8)
    for (const form of forms(hidden)) expect(hits(`before ${form} after`, [hidden])).toEqual([hidden])
  }
  for (const text of [
    Buffer.from(`{"key":"${plaintext}"}`).toString('base64url'),
    [...bytes].map((byte) => `%${byte.toString(16)}`).join(''),
    bytes.join(','),
    bytes.join(', '),
    JSON.stringify(bytes),
    JSON.stringify(new Uint8Array(bytes)),
    JSON.stringify({ at: [...Buffer.from(`x${plaintext}`)] }, null, 2),
    inspect(bytes),
    inspect(new Uint8Array(bytes)),
    inspect(bytes.subarray(32)),
    bytes.toString('hex').toUpperCase(),
  ]) {
    expect(hits(text, [plaintext]), text).toEqual([plaintext])
  }
  for (const text of ['nothing here', '', `aura_${'0'.repeat(26)}_`, `key_${'0'.repeat(26)}`]) expect(hits(text, [plaintext, digest])).toEqual([])
})

test('the search of files finds them in each of their forms, wherever they stand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-search-'))
  const all = [plaintext, digest].flatMap(forms)
  for (const [number, form] of all.entries()) writeFileSync(join(folder, `${number}`), Buffer.concat([Buffer.alloc(number), Buffer.from(form, 'latin1')]))
  writeFileSync(join(folder, 'clean'), Buffer.alloc(1_000, 'aura_'))
  const { read, found } = filesWith(folder, [plaintext, digest])
  rmSync(folder, { recursive: true })
  expect([read, found.length]).toEqual([all.length + 1, all.length])
  expect(found.some((path) => path.endsWith('clean'))).toBe(false)
})

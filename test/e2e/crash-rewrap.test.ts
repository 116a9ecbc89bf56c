import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSeals } from '../../src/crypto/seal.ts'
import { createHome, type Home } from '../support/processes.ts'
import { newSeed, seededRandom } from '../support/random.ts'

const [oldKek, newKek] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const base64 = (...keks: Buffer[]): string => keks.map((kek) => kek.toString('base64')).join(',')

let home: Home
beforeAll(async () => {
  home = await createHome()
})
afterAll(() => home.remove())

interface Run {
  killed: boolean
  secrets: number
  /** How many secrets name which key-encryption key, when it started. */
  found: { kekId: string; n: number }[]
  /** How many were sealed in format 1 then. */
  format1: number
  unreadable: string[]
}

/** One process under these key-encryption keys; with a `point` it wraps anew, and is killed after so many statements of that. */
async function run(keks: string, round: { secrets?: number; point?: number | null }): Promise<Run> {
  const { code, signal, stdout, stderr } = await home.run('test/e2e/crash-rewrap-child.mjs', [JSON.stringify(round)], { SECRETS_KEK: keks })
  const lines = stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Partial<Run> & { unreadable?: string; ended?: boolean }] : []))
  const start = lines.find((line) => line.found)
  const killed = signal === 'SIGKILL'
  if (!start || (!killed && (code !== 0 || !lines.some((line) => line.ended)))) throw new Error(`ended with ${code} ${signal}: ${stderr}`)
  const unreadable = lines.flatMap((line) => (typeof line.unreadable === 'string' ? [line.unreadable] : []))
  return { killed, secrets: start.secrets ?? 0, found: start.found ?? [], format1: start.format1 ?? -1, unreadable }
}

test('SR-06 killed at twenty random points of wrapping secrets anew, every read opens, it goes on, and at the end no row names the old key', {
  timeout: 600_000,
}, async () => {
  const seed = newSeed()
  const random = seededRandom(seed)
  const [oldId, newId] = [createSeals([oldKek]).kekIds[0], createSeals([newKek]).kekIds[0]]
  const secrets = 120
  const made = await run(base64(oldKek), { secrets })
  expect([made.secrets, made.found, made.format1]).toEqual([secrets, [{ kekId: oldId, n: secrets }], secrets / 2])
  const wrapped: number[] = []
  const countOf = ({ found }: Run, id: string | undefined): number => found.find(({ kekId }) => kekId === id)?.n ?? 0
  for (let round = 0; round < 20; round++) {
    const { killed, unreadable, ...found } = await run(base64(newKek, oldKek), { point: 1 + Math.floor(random() * 6) })
    expect([seed, round, killed, unreadable]).toEqual([seed, round, true, []])
    const at = { ...found, killed, unreadable }
    expect(countOf(at, oldId) + countOf(at, newId)).toBe(secrets)
    // The format changes with the key, in one statement.
    expect(at.format1).toBeLessThanOrEqual(countOf(at, oldId))
    expect(secrets / 2 - at.format1).toBeLessThanOrEqual(countOf(at, newId))
    wrapped.push(countOf(at, newId))
  }
  // It goes on where it was killed: never back, and many starts found some of both.
  expect(wrapped).toEqual([...wrapped].sort((a, b) => a - b))
  expect(wrapped.filter((count) => count > 0 && count < secrets).length).toBeGreaterThan(10)
  expect((await run(base64(newKek, oldKek), { point: null })).unreadable).toEqual([])
  // The old key is no longer needed.
  const alone = await run(base64(newKek), {})
  expect([alone.found, alone.format1, alone.unreadable]).toEqual([[{ kekId: newId, n: secrets }], 0, []])
  await expect(run(base64(oldKek), {})).rejects.toThrow(/SECRETS_KEK|WrongDatabase/)
})

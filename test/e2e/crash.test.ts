import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const database = `crash_${randomBytes(6).toString('hex')}`
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-crash-'))
const env: Record<string, string> = { PATH: process.env['PATH'] ?? '', DATA_DIR: join(folder, 'data') }

async function admin(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  await client.query(sql)
  await client.end()
}

beforeAll(async () => {
  if (!onPostgres) return
  await admin(`CREATE DATABASE ${database}`)
  const secret = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
  Object.assign(env, {
    DATABASE_URL: withDatabase(inject('postgresUrl'), database),
    AUTH_SECRET: 'a secret for the processes of tests',
    KEY_PEPPER: secret(1),
    SECRETS_KEK: secret(2),
  })
})
afterAll(async () => {
  if (onPostgres) await admin(`DROP DATABASE ${database} WITH (FORCE)`)
  rmSync(folder, { recursive: true, force: true })
})

interface Shown {
  key: string
  instanceId: string
}

interface Round {
  problems: string[]
  revealed: number
  /** What verification says of each key that was shown before. */
  codes: string[]
  /** The rounds before this one whose change is there. */
  done: number[]
  lines: string[]
  killed: boolean
}

const run = (round: object): Promise<Round> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['test/e2e/crash-child.mjs', JSON.stringify(round)], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part) => {
      stdout += part
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    child.once('close', (code, signal) => {
      const [first = '', ...lines] = stdout.trim().split('\n')
      if (signal !== 'SIGKILL' && code !== 0) reject(new Error(`${JSON.stringify(round)} ended with ${code}: ${stderr}`))
      else resolve({ ...(JSON.parse(first) as Omit<Round, 'lines' | 'killed'>), lines, killed: signal === 'SIGKILL' })
    })
  })

// How many statements each takes; one point more is after the answer.
const operations = { 'create and save': 11, 'delete an instance': 10, 'remove a member': 11, reveal: 8 }
const rounds = 52

test('CF KS-13 OR-13 killed at any statement, a change is there as a whole or not at all', { timeout: 900_000 }, async () => {
  const names = Object.keys(operations) as (keyof typeof operations)[]
  const outcomes = new Map(names.map((name) => [name, { undone: 0, committed: 0, answered: 0 }]))
  const doomed: (Shown & { round: number })[] = []
  let revealed = 0
  let last: { round: number; operation: keyof typeof operations; killed: boolean } | null = null
  /** What a process found when it started: consistent, and every key of an instance as the deletion left it. */
  const check = (found: Round): void => {
    expect([last, found.problems]).toEqual([last, []])
    // Whatever was shown was written down before.
    expect(found.revealed).toBeGreaterThanOrEqual(revealed)
    expect(found.codes).toEqual(doomed.map(({ round }) => (found.done.includes(round) ? 'ORPHANED' : 'VALID')))
    if (!last) return
    const isDone = found.done.includes(last.round)
    // Whatever was answered is there.
    if (!last.killed) expect([last, isDone]).toEqual([last, true])
    const outcome = outcomes.get(last.operation)
    if (outcome) outcome[!isDone ? 'undone' : last.killed ? 'committed' : 'answered']++
  }
  for (let round = 0; round < rounds; round++) {
    const operation = names[round % names.length] as keyof typeof operations
    const turn = Math.floor(round / names.length)
    const point = 1 + (turn % (operations[operation] + 2))
    // As many statements, however many keys: every third time it is as many as are promised.
    const keys = operation === 'delete an instance' ? (turn % 3 === 0 ? 10_000 : 500) : 0
    const found = await run({ round, operation, point, keys, shown: doomed })
    check(found)
    for (const line of found.lines) if (line.startsWith('{')) doomed.push({ ...(JSON.parse(line) as Shown), round })
    if (found.lines.includes('revealed')) revealed++
    expect(found.killed).toBe(!found.lines.includes('answered'))
    last = { round, operation, killed: found.killed }
  }
  check(await run({ round: rounds, operation: 'check', shown: doomed }))
  expect(doomed).toHaveLength(rounds / names.length)
  // Each was killed before its COMMIT and at it, with the answer not sent yet, and was let through at the end.
  for (const [name, { undone, committed, answered }] of outcomes) {
    expect([name, undone > 4, committed > 0, answered > 0], JSON.stringify([...outcomes])).toEqual([name, true, true, true])
  }
})

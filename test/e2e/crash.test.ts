import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHome, type Home } from '../support/processes.ts'

let home: Home
beforeAll(async () => {
  home = await createHome()
})
afterAll(() => home.remove())

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

async function run(round: object): Promise<Round> {
  const { code, signal, stdout, stderr } = await home.run('test/e2e/crash-child.mjs', [JSON.stringify(round)])
  const killed = signal === 'SIGKILL'
  if (!killed && code !== 0) throw new Error(`${JSON.stringify(round)} ended with ${code}: ${stderr}`)
  const [first = '', ...lines] = stdout.trim().split('\n')
  return { ...(JSON.parse(first) as Omit<Round, 'lines' | 'killed'>), lines, killed }
}

// How many statements each takes; one point more is after the answer.
const operations = { 'create and save': 9, 'delete an instance': 10, 'remove a member': 10, reveal: 7 }
const rounds = 56

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
    // As many statements, however many keys: as many as are promised half-way, and where it is let through.
    const keys = operation === 'delete an instance' ? ([6, 11].includes(turn) ? 10_000 : 500) : 0
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

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { GraphQLSchema } from 'graphql'
import type { Actor, Identity } from '../../src/access/actor.ts'
import { type Answers, createAnswers, type Keeping, type Question } from '../../src/server/answers.ts'
import { recall } from '../../src/server/recall.ts'

/** What a world with its database, its node and its clients can do wrong. */
export type Fault = 'the state is read first' | 'no mark' | 'no place' | 'no member in the key' | 'no mark of last uses' | null

const people = ['owner', 'aura', 'one', 'two'] as const
type Person = (typeof people)[number]

/** One committed state. `seen`: who has a grant; `rows`: two rows that each change changes together, in different statements read one by one. */
interface Snapshot {
  readonly version: bigint
  readonly mark: string
  /** Where it is: a restore puts the same state into another place. */
  readonly place: string
  readonly use: string
  readonly rows: number
  readonly used: number
  readonly granted: readonly Person[]
}

/** What happens, in any order: people ask, rows change, grants come and go, keys are used, the database is restored to an earlier state or loses its last commits. */
export const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('ask' as const), person: fc.constantFrom(...people), uses: fc.boolean() }) },
  { weight: 3, arbitrary: fc.constant({ what: 'change' as const }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('grant' as const), person: fc.constantFrom('one' as const, 'two' as const) }) },
  { weight: 1, arbitrary: fc.constant({ what: 'use' as const }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('restore' as const, 'crash' as const), back: fc.integer({ min: 1, max: 3 }) }) },
)
type Happening = typeof happening extends fc.Arbitrary<infer Of> ? Of : never

const organizationId = 'org_1'
const isOwner = (person: Person): boolean => person === 'owner' || person === 'aura'

/** What one statement returns: the rows as far as the person sees them. */
const read = (at: Snapshot, person: Person, uses: boolean): unknown[] => [
  isOwner(person) || at.granted.includes(person) ? at.rows : null,
  uses ? at.used : null,
]

/** Plays the happenings as the scheduler orders them; returns the answers that were sent again and were of no state during their request, and how many were sent again. */
export async function play(scheduler: fc.Scheduler, happenings: readonly Happening[], fault: Fault): Promise<{ wrong: string[]; again: number }> {
  const step = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label)
  /** The states on the way to the present one: whoever restores an earlier one never comes back to those after it. */
  const line: Snapshot[] = [{ version: 1n, mark: randomUUID(), place: randomUUID(), use: randomUUID(), rows: 0, used: 0, granted: ['one'] }]
  const now = (): Snapshot => line.at(-1) as Snapshot
  const history = [now()]
  let counter = 0
  let connections = 0
  /** Whether an execution read another state than the one that was read for it: from then on commits are durable, as the server assumes. */
  let isTorn = false
  const move = (more: Partial<Snapshot>): void => {
    line.push({ ...now(), ...more })
    history.push(now())
  }
  const commit = (more: Partial<Snapshot>): void => move({ version: now().version + 1n, mark: randomUUID(), ...more })

  const memberOf = (person: Person): string => (fault === 'no member in the key' ? 'mem_any' : `mem_${person}`)
  const senders = {
    of: ({ subject }: Identity) => ({ organization: organizationId, member: memberOf(subject as Person), sawAll: isOwner(subject as Person) }),
    learn: () => undefined,
  }
  const answers = createAnswers({} as GraphQLSchema, { senders, maxBytes: 1_000_000, signature: () => '' })
  const authenticate = async ({ subject, expiresAt }: Identity): Promise<Actor> => {
    const askedAt = performance.now()
    await step(`the state for ${subject} is read`)
    const { version, mark, place, use } = now()
    await step(`the state for ${subject} is known`)
    const person = subject as Person
    const role = isOwner(person) ? 'OWNER' : 'MEMBER'
    const marks = {
      rows: `${fault === 'no mark' ? '' : mark} ${fault === 'no place' ? '' : place}`,
      uses: fault === 'no mark of last uses' ? '' : use,
      askedAt,
    }
    return { subject, expiresAt, organizationId, memberId: memberOf(person), role, organizationVersion: version, marks }
  }
  const ports = { authenticate, metrics: { answered: () => undefined } }
  /** Looks what is kept only once the state is known. */
  const late: Answers = { ...answers, find: () => undefined }
  const recallLate = async (question: Question, identity: Identity, keeping: Keeping): Promise<string | null> => {
    await recall({ answers: late, ports, senders } as never, question, { identity, work: null, keeping })
    const found = answers.find(question, identity)
    return found && keeping.actor && answers.holds(found, keeping.actor) ? found.json : null
  }

  const wrong: string[] = []
  let again = 0
  async function ask(person: Person, uses: boolean): Promise<void> {
    const first = history.length - 1
    const question: Question = { key: String(uses), isAlike: true, readsLastUses: uses }
    const identity: Identity = { subject: person, organization: organizationId, expiresAt: new Date(0) }
    const keeping: Keeping = {}
    const kept =
      fault === 'the state is read first'
        ? await recallLate(question, identity, keeping)
        : await recall({ answers, ports, senders } as never, question, { identity, work: null, keeping, waitFor: (end) => end })
    if (kept) {
      again++
      const possible = history.slice(first).map((at) => JSON.stringify([read(at, person, uses), read(at, person, uses)]))
      if (!possible.includes(String(kept))) wrong.push(`${person} got ${kept}, and not ${possible.join(' or ')}`)
      return
    }
    if (!keeping.question && keeping.actor) answers.begin(keeping, question, keeping.actor)
    const sentOver = connections
    const rows: unknown[] = []
    for (const statement of ['first', 'second']) {
      await step(`the ${statement} statement for ${person} is executed`)
      isTorn ||= keeping.actor?.organizationVersion !== now().version || keeping.actor.marks?.uses !== now().use
      rows.push(read(now(), person, uses))
      await step(`the ${statement} statement for ${person} is replied to`)
    }
    if (connections === sentOver) keeping.json = JSON.stringify(rows)
    answers.end(keeping)
  }

  async function happen(each: Happening, index: number): Promise<void> {
    await step(`${index}: ${each.what}`)
    if (each.what === 'ask') return ask(each.person, each.uses)
    if (each.what === 'change') return commit({ rows: ++counter })
    if (each.what === 'use') return move({ use: randomUUID(), used: ++counter })
    if ('back' in each) {
      if (each.what === 'crash' && isTorn) return
      line.splice(Math.max(1, line.length - each.back))
      if (each.what === 'restore') return move({ place: randomUUID() })
      // The place stays, and all connections end with what runs over them.
      connections++
      return move({})
    }
    const { granted } = now()
    return commit({ granted: granted.includes(each.person) ? granted.filter((person) => person !== each.person) : [...granted, each.person] })
  }
  await scheduler.waitFor(Promise.all(happenings.map(happen)))
  return { wrong, again }
}

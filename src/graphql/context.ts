import DataLoader from 'dataloader'
import type { Actor } from '../access/actor.ts'
import { type Scope, scopeOf } from '../access/scope.ts'
import type { Counts } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { createPace, type Pace } from './pace.ts'
import { createRows, type Rows } from './rows.ts'

/** What every resolver of one operation gets. */
export interface Context {
  readonly actor: Actor
  readonly ports: Ports
  /** What the operation's reads see. A mutation that takes rows out of the actor's sight keeps them in it for its payload. */
  readonly scope: Scope
  /** Key counts by organization, app or instance id, gathered into one statement per step of the execution; null out of scope. */
  readonly counts: DataLoader<string, Counts | null>
  /** Rows that a list's rows point to, gathered likewise. */
  readonly rows: Rows
  /** In which turns rows are executed. */
  readonly pace: Pace
  /** From which version a stream goes on, when the transport says so; it wins over the argument. */
  readonly resumeAfter: bigint | null
}

export function createContext(ports: Ports, actor: Actor, resumeAfter: bigint | null = null, scope = scopeOf(actor)): Context {
  const pace = createPace()
  return {
    actor,
    pace,
    ports,
    scope,
    resumeAfter,
    rows: createRows(ports, scope, pace),
    counts: new DataLoader<string, Counts | null>(
      async (ids) => {
        // `viewer.organizations` also shows the caller's other organizations, each with what they see there.
        const isElsewhere = (id: string): boolean => id.startsWith('org_') && id !== actor.organizationId
        const [here, others] = [ids.filter((id) => !isElsewhere(id)), ids.filter(isElsewhere)]
        const counted = await Promise.all([
          here.length > 0 ? ports.keys.counts(scope, here) : [],
          others.length > 0 ? ports.keys.countsElsewhere(actor.subject, others) : [],
        ])
        const rows = new Map(counted.flat().map((row) => [row.subjectId, row]))
        return ids.map((id) => rows.get(id) ?? null)
      },
      { batchScheduleFn: pace.whenAsked },
    ),
  }
}

/** A context for executions whose answer goes to many: nobody in particular asks, and a resolver that wants to know who throws. */
export function createSharedContext(ports: Ports, scope: Scope): Context {
  const nobody = (): never => {
    throw new Error('a shared execution is for nobody in particular')
  }
  const pace = createPace()
  return {
    ports,
    scope,
    pace,
    counts: new DataLoader<string, Counts | null>(nobody),
    rows: createRows(ports, scope, pace),
    resumeAfter: null,
    get actor() {
      return nobody()
    },
  }
}

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
  /** What the operation can read. When a mutation removes rows from the actor's scope, its payload still shows them. */
  readonly scope: Scope
  /** Key counts by organization, app or instance id, batched into one statement per execution step; null when out of scope. */
  readonly counts: DataLoader<string, Counts | null>
  /** Rows that list rows refer to, batched the same way. */
  readonly rows: Rows
  /** Schedules the execution of rows. */
  readonly pace: Pace
  /** The version to resume a stream after, if the transport sends one; overrides the argument. */
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
    counts: createCounts(ports, scope, pace, actor.subject),
  }
}

/** `subject`: who asks for the keys of their other organizations; null if nobody may. */
function createCounts({ keys }: Pick<Ports, 'keys'>, scope: Scope, pace: Pace, subject: string | null): Context['counts'] {
  // `viewer.organizations` also shows the caller's other organizations, each with the keys they see there.
  const isElsewhere = (id: string): boolean => id.startsWith('org_') && id !== scope.organizationId
  return new DataLoader<string, Counts | null>(
    async (ids) => {
      const [here, others] = [ids.filter((id) => !isElsewhere(id)), ids.filter(isElsewhere)]
      const counted = await Promise.all([
        here.length > 0 ? keys.counts(scope, here) : [],
        others.length > 0 && subject !== null ? keys.countsElsewhere(subject, others) : [],
      ])
      const rows = new Map(counted.flat().map((row) => [row.subjectId, row]))
      return ids.map((id) => rows.get(id) ?? null)
    },
    { batchScheduleFn: pace.whenAsked },
  )
}

/** A context for executions whose result goes to many clients: it has no actor, and a resolver that reads one throws. */
class SharedContext implements Context {
  readonly ports: Ports
  readonly scope: Scope
  readonly pace: Pace
  readonly counts: Context['counts']
  readonly rows: Rows
  readonly resumeAfter = null
  constructor(ports: Ports, scope: Scope, pace: Pace) {
    this.ports = ports
    this.scope = scope
    this.pace = pace
    this.counts = createCounts(ports, scope, pace, null)
    this.rows = createRows(ports, scope, pace)
  }
  get actor(): never {
    throw new Error('a shared execution is for nobody in particular')
  }
}

export const createSharedContext = (ports: Ports, scope: Scope, pace = createPace()): Context => new SharedContext(ports, scope, pace)

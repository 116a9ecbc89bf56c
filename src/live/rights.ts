import DataLoader from 'dataloader'
import type { Scope } from '../access/scope.ts'
import { forbidden, notFound, unauthenticated } from '../errors.ts'
import type { RightsChange } from '../events/model.ts'
import type { Ports } from '../ports.ts'
import type { Topic } from '../topic.ts'
import { batchSchedule, coalesce } from './batching.ts'

/** Whose rights changed. */
export interface Affected {
  readonly members: ReadonlySet<string>
  readonly instances: ReadonlySet<string>
}

/** What the members of one organization may see, kept in memory and exact up to the version that was read last. */
export interface Rights {
  /** Reads the newest version, and checks anew whoever an event since the last time concerns. Nothing read before it began is newer. */
  refresh(): Promise<bigint>
  /** Whether a version was read already. */
  hasRead(version: bigint): boolean
  /** Answers once something was read after which no newer version was heard of, and that version. */
  settled(): Promise<bigint>
  /** Someone says that this is the version now; answers whether it is news. */
  heard(version: bigint): boolean
  /** The member's scope; null when they are none. */
  scope(memberId: string): Promise<Scope | null>
  /** The member's scope; throws UNAUTHENTICATED, FORBIDDEN or NOT_FOUND when they may not follow the topic. */
  check(memberId: string, topic: Topic): Promise<Scope>
  /** When the newest event occurred. */
  readonly occurredAt: Date | null
}

export function createRights(
  ports: Pick<Ports, 'members' | 'events'>,
  organizationId: string,
  options: {
    /** Whether versions that moved would have been heard of. */
    isCurrent: () => boolean
    /** Checks those concerned, before anything newer is delivered. */
    recheck: (affected: Affected) => Promise<void>
    /** Something happened that concerns these apps and instances. */
    touch: (subjectIds: readonly string[]) => void
    /** There is a newer version than was read before; whoever says so later says nothing new. */
    moved: () => void
  },
): Rights {
  let lastRead: bigint | null = null
  let newest = 0n
  let occurredAt: Date | null = null
  /** Moves whenever something kept here was dropped: an answer that was on its way then is asked for again. */
  let generation = 0

  const scopes = new DataLoader<string, Scope | null>(
    async (ids) => {
      const rows = new Map((await ports.members.scopesOf(organizationId, ids)).map((scope) => [scope.memberId, scope]))
      return ids.map((id) => rows.get(id) ?? null)
    },
    { batchScheduleFn: batchSchedule() },
  )
  const sights = new DataLoader<string, boolean>(
    async (keys) => {
      const asked = keys.map((key) => {
        const [memberId = '', subjectId = ''] = key.split(' ')
        return { memberId: memberId === '*' ? null : memberId, subjectId }
      })
      const rows = new Set((await ports.members.sees(organizationId, asked)).map((row) => `${row.memberId ?? '*'} ${row.subjectId}`))
      return keys.map((key) => rows.has(key))
    },
    { batchScheduleFn: batchSchedule() },
  )
  /** Only what is so is kept: who asks for what is not there could fill the memory. */
  async function positive<Value>(loader: DataLoader<string, Value>, key: string): Promise<Value> {
    const value = await loader.load(key).catch((error: unknown) => {
      loader.clear(key)
      throw error
    })
    if (!value) loader.clear(key)
    return value
  }

  /** The answer of `read`, none of which is older than what was dropped meanwhile. */
  async function fresh<Value>(read: () => Promise<Value>): Promise<Value> {
    for (;;) {
      const before = generation
      const value = await read()
      if (generation === before) return value
    }
  }

  function forget(changes: readonly RightsChange[]): Affected {
    generation++
    scopes.clearAll()
    sights.clearAll()
    const of = (name: 'memberId' | 'instanceId', kept: readonly RightsChange[]) => new Set(kept.flatMap((change) => change[name] ?? []))
    return {
      members: of('memberId', changes),
      instances: of(
        'instanceId',
        changes.filter(({ kind }) => kind === 'INSTANCE_DELETED'),
      ),
    }
  }

  const refresh = coalesce(async () => {
    const { version, changes, subjects, occurredAt: at } = await ports.events.since(organizationId, lastRead)
    if (changes.length > 0) await options.recheck(forget(changes))
    const isNews = lastRead === null || version > lastRead
    lastRead = version
    occurredAt = at
    if (subjects.length > 0) options.touch(subjects)
    if (isNews) options.moved()
    return version
  })
  const scope = (memberId: string): Promise<Scope | null> => fresh(() => positive(scopes, memberId))

  return {
    refresh,
    hasRead: (version) => lastRead !== null && lastRead >= version,
    settled: () => (lastRead === null || newest > lastRead || !options.isCurrent() ? refresh() : Promise.resolve(lastRead)),
    heard: (version) => {
      if (version > newest) newest = version
      return lastRead === null || version > lastRead
    },
    scope,
    check: (memberId, topic) =>
      fresh(async () => {
        const seen = await positive(scopes, memberId)
        if (!seen) throw unauthenticated()
        if (!topic.right(seen)) throw forbidden()
        const viewer = seen.all ? '*' : memberId
        const inSight = await Promise.all(topic.subjectIds.map((id) => positive(sights, `${viewer} ${id}`)))
        if (!inSight.includes(false)) return seen
        // They may have been removed between the two statements, and are told so.
        scopes.clear(memberId)
        throw (await positive(scopes, memberId)) ? notFound() : unauthenticated()
      }),
    get occurredAt() {
      return occurredAt
    },
  }
}

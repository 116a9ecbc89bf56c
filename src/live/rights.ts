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

/** What the members of one organization may see, in memory and exact up to the version that was read last. */
export interface Rights {
  /** Reads the newest version, and rechecks members affected by events since the last read. Nothing read before it began is newer. */
  refresh(): Promise<bigint>
  /** Whether a version was already read. */
  hasRead(version: bigint): boolean
  /** Returns the last version that was read, after a new read if a newer version may exist. */
  settled(): Promise<bigint>
  /** Takes a reported current version; returns whether it is new. */
  heard(version: bigint): boolean
  /** The member's scope; null if not a member. */
  scope(memberId: string): Promise<Scope | null>
  /** The member's scope; throws UNAUTHENTICATED, FORBIDDEN or NOT_FOUND when they may not follow the topic. */
  check(memberId: string, topic: Topic): Promise<Scope>
  /** When the newest event occurred. */
  readonly occurredAt: Date | null
}

type Members = Pick<Ports['members'], 'scopesOf' | 'sees'>

/** Scopes by member id. */
const scopeLoader = (members: Members, organizationId: string) =>
  new DataLoader<string, Scope | null>(
    async (ids) => {
      const rows = new Map((await members.scopesOf(organizationId, ids)).map((scope) => [scope.memberId, scope]))
      return ids.map((id) => rows.get(id) ?? null)
    },
    { batchScheduleFn: batchSchedule() },
  )

const sightKey = (memberId: string | null, subjectId: string): string => `${memberId ?? '*'} ${subjectId}`

/** Whether a member sees an app or instance, by `sightKey`; null: a member who sees all of the organization. */
const sightLoader = (members: Members, organizationId: string) =>
  new DataLoader<string, boolean>(
    async (keys) => {
      const asked = keys.map((key) => {
        const [memberId = '', subjectId = ''] = key.split(' ')
        return { memberId: memberId === '*' ? null : memberId, subjectId }
      })
      const rows = new Set((await members.sees(organizationId, asked)).map((row) => sightKey(row.memberId, row.subjectId)))
      return keys.map((key) => rows.has(key))
    },
    { batchScheduleFn: batchSchedule() },
  )

/** Caches only positive results: requests for what does not exist could fill the memory. */
async function loadPositive<Value>(loader: DataLoader<string, Value>, key: string): Promise<Value> {
  const value = await loader.load(key).catch((error: unknown) => {
    loader.clear(key)
    throw error
  })
  if (!value) loader.clear(key)
  return value
}

function affectedBy(changes: readonly RightsChange[]): Affected {
  const of = (name: 'memberId' | 'instanceId', kept: readonly RightsChange[]) => new Set(kept.flatMap((change) => change[name] ?? []))
  return {
    members: of('memberId', changes),
    instances: of(
      'instanceId',
      changes.filter(({ kind }) => kind === 'INSTANCE_DELETED'),
    ),
  }
}

/** Scopes and sights in memory; all of them are forgotten at once. */
function createRightsCache(members: Members, organizationId: string) {
  const scopes = scopeLoader(members, organizationId)
  const sights = sightLoader(members, organizationId)
  /** Increases whenever the cache is cleared: a read that was running then is repeated. */
  let generation = 0

  /** Returns the result of `read`; repeats it if the cache was cleared meanwhile. */
  async function fresh<Value>(read: () => Promise<Value>): Promise<Value> {
    for (;;) {
      const before = generation
      const value = await read()
      if (generation === before) return value
    }
  }

  return {
    forget: (): void => {
      generation++
      scopes.clearAll()
      sights.clearAll()
    },
    scope: (memberId: string): Promise<Scope | null> => fresh(() => loadPositive(scopes, memberId)),
    check: (memberId: string, topic: Topic): Promise<Scope> =>
      fresh(async () => {
        const scope = await loadPositive(scopes, memberId)
        if (!scope) throw unauthenticated()
        if (!topic.right(scope)) throw forbidden()
        const viewer = scope.all ? null : memberId
        const inSight = await Promise.all(topic.subjectIds.map((id) => loadPositive(sights, sightKey(viewer, id))))
        if (!inSight.includes(false)) return scope
        // If the member was removed between the two statements, this says so.
        scopes.clear(memberId)
        throw (await loadPositive(scopes, memberId)) ? notFound() : unauthenticated()
      }),
  }
}

export function createRights(
  ports: Pick<Ports, 'members' | 'events'>,
  organizationId: string,
  options: {
    /** Whether polling would have found versions that moved. */
    isCurrent: () => boolean
    /** Checks affected members before anything newer is delivered. */
    recheck: (affected: Affected) => Promise<void>
    /** An event affects these apps and instances. */
    countsChanged: (subjectIds: readonly string[]) => void
    /** A newer version than before was read; later reports of it are not new. */
    versionRead: () => void
  },
): Rights {
  const cache = createRightsCache(ports.members, organizationId)
  let lastRead: bigint | null = null
  let newestHeard = 0n
  let occurredAt: Date | null = null

  const refresh = coalesce(async () => {
    const { version, changes, subjects, occurredAt: at } = await ports.events.since(organizationId, lastRead)
    if (changes.length > 0) {
      cache.forget()
      await options.recheck(affectedBy(changes))
    }
    const isNews = lastRead === null || version > lastRead
    lastRead = version
    occurredAt = at
    if (subjects.length > 0) options.countsChanged(subjects)
    if (isNews) options.versionRead()
    return version
  })

  return {
    refresh,
    hasRead: (version) => lastRead !== null && lastRead >= version,
    settled: async () => (lastRead === null || newestHeard > lastRead || !options.isCurrent() ? refresh() : lastRead),
    heard: (version) => {
      if (version > newestHeard) newestHeard = version
      return lastRead === null || version > lastRead
    },
    scope: cache.scope,
    check: cache.check,
    get occurredAt() {
      return occurredAt
    },
  }
}

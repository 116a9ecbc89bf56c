import type { Scope } from '../access/scope.ts'
import { type Counts, sameCounts } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import type { Execution, Membership } from '../topic.ts'

/** An answer as JSON, and the version of its numbers. */
export interface Answer {
  readonly json: string
  readonly version: bigint
}

/** Subscribers who get the same counts. */
export interface CountsGroup {
  readonly key: string
  readonly scope: Scope
  readonly ids: readonly string[]
  readonly operation: Membership['operation']
  /** All members; some are neither current nor waiting, but still read what they got. */
  readonly members: Set<Membership>
  /** Have the newest answer. */
  readonly current: Set<Membership>
  /** Joined late or fell behind: they get all counts, whatever they had before. */
  readonly waiting: Set<Membership>
  last: ReadonlyMap<string, Counts>
  /** All last counts as one answer; null until a member needs it. */
  whole: Answer | null
  /** Whether the numbers may have changed since they were read. */
  dirty: boolean
}

/** A new group for its first member. */
export function newCountsGroup({ operation }: Membership, seen: { key: string; scope: Scope }): CountsGroup {
  const { source } = operation.topic
  return {
    ...seen,
    ids: source.kind === 'counts' ? source.ids : [],
    operation,
    members: new Set(),
    current: new Set(),
    waiting: new Set(),
    last: new Map(),
    whole: null,
    dirty: true,
  }
}

export const isDue = (group: CountsGroup): boolean => group.dirty || group.waiting.size > 0

/** Counts by the id of their subject. */
type Rows = ReadonlyMap<string, Counts>

/** What one statement reads, and for which groups. */
export interface CountsRead {
  readonly scope: Scope
  readonly ids: Set<string>
  readonly groups: CountsGroup[]
}

/** The reads for these groups: one statement per scope, for groups whose numbers may have changed. */
export function readsFor(due: readonly CountsGroup[]): CountsRead[] {
  const reads = new Map<string, CountsRead>()
  for (const group of due.filter(({ dirty }) => dirty)) {
    const key = group.scope.all ? '*' : group.scope.memberId
    const read = reads.get(key) ?? { scope: group.scope, ids: new Set(), groups: [] }
    for (const id of group.ids) read.ids.add(id)
    read.groups.push(group)
    reads.set(key, read)
  }
  return [...reads.values()]
}

/** Reads the numbers of the groups that may have changed; omits the others. */
export async function readCounts(keys: Pick<Ports['keys'], 'counts'>, due: readonly CountsGroup[]): Promise<ReadonlyMap<CountsGroup, Rows>> {
  const read = async ({ scope, ids, groups }: CountsRead): Promise<[CountsGroup, Rows][]> => {
    // Before the statement: what changes while it runs is read again.
    for (const group of groups) group.dirty = false
    const rows = new Map((await keys.counts(scope, [...ids])).map((row) => [row.subjectId, row]))
    return groups.map((group) => [group, rows])
  }
  return new Map((await Promise.all(readsFor(due).map(read))).flat())
}

/** The result of a round for a group; `changed` is null if no number changed. */
export type NextCounts = Pick<CountsGroup, 'last' | 'whole'> & { readonly changed: Answer | null }

/** Executes what the group needs after `rows` were read for it, if any. Returns null if something that it counts is gone. */
export async function nextCounts(group: CountsGroup, rows: Rows | undefined): Promise<NextCounts | null> {
  const now = rows ? group.ids.flatMap((id) => rows.get(id) ?? []) : []
  if (rows && now.length < group.ids.length) return null
  const execution = group.operation.under(group.scope)
  const moved = now.filter((counts) => {
    const before = group.last.get(counts.subjectId)
    return !before || !sameCounts(before, counts)
  })
  const last = moved.length > 0 ? new Map([...group.last, ...moved.map((counts) => [counts.subjectId, counts] as const)]) : group.last
  const changed = moved.length > 0 ? await answerOf(execution, moved) : null
  let whole = moved.length === group.ids.length ? changed : changed ? null : group.whole
  if (group.waiting.size > 0) whole ??= await answerOf(execution, [...last.values()])
  return { changed, last, whole }
}

async function answerOf(execution: Execution, counts: readonly Counts[]): Promise<Answer> {
  return {
    json: await execution.ofCounts(counts),
    version: counts.reduce((newest, { version }) => (version > newest ? version : newest), 0n),
  }
}

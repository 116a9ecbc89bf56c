import type { Scope } from '../access/scope.ts'
import { notFound } from '../errors.ts'
import { type Counts, sameCounts } from '../keys/model.ts'
import type { Ports } from '../ports.ts'
import { type Execution, type Groups, type Membership, visibility } from '../topic.ts'
import { batchMs } from './batching.ts'
import type { Rights } from './rights.ts'

interface Answer {
  readonly json: string
  readonly version: bigint
}

interface Group {
  readonly key: string
  readonly scope: Scope
  readonly ids: readonly string[]
  readonly operation: Membership['operation']
  /** Everybody in it; of these some may be neither current nor waiting, but reading what they got. */
  size: number
  /** Have the newest answer. */
  readonly current: Set<Membership>
  /** Came late or fell behind: they get all the counts, whatever they had before. */
  readonly waiting: Set<Membership>
  last: ReadonlyMap<string, Counts>
  /** All of the last counts as one answer; null until somebody needs it. */
  whole: Answer | null
  /** Whether the numbers may have changed since they were read. */
  dirty: boolean
}

/** What one turn found for a group; null stands for: nothing changed. */
type Found = { readonly group: Group } & ({ readonly gone: true } | (Pick<Group, 'last' | 'whole'> & { readonly gone: false; readonly changed: Answer | null }))

export interface CountsGroups extends Groups {
  /** The numbers of these organizations, apps and instances may have changed. */
  touch(subjectIds: readonly string[]): void
}

const keyOf = (scope: Scope): string => (scope.all ? '*' : scope.memberId)

/**
 * The counts of one organization, each group's read, executed and serialised once per change however many watch: one statement for all groups
 * of a scope that are concerned, at most every 50 ms. Whoever reads slowly misses what lies between, never the newest. `retry` says whether a
 * failure may pass; after any other the subscriptions end with it.
 */
export function createCountsGroups(ports: Pick<Ports, 'keys' | 'metrics'>, rights: Rights, retry: (error: unknown) => boolean): CountsGroups {
  const groups = new Map<string, Group>()
  const homes = new Map<Membership, Group>()
  /** Whether something happened of which it is not known yet what it concerns. */
  let isWoken = false
  let isTurning = false
  let isScheduled = false
  let lastTurn = -batchMs

  const isDue = (group: Group): boolean => group.dirty || group.waiting.size > 0

  function schedule(waitMs = lastTurn + batchMs - performance.now()): void {
    if (isTurning || isScheduled) return
    isScheduled = true
    setTimeout(turn, Math.max(0, waitMs))
  }

  async function turn(): Promise<void> {
    isScheduled = false
    isTurning = true
    lastTurn = performance.now()
    let due: Group[] = []
    let pauseMs: number | undefined
    try {
      // Tells which groups are concerned, so that a thousand badges do not cost a thousand rows for each change of one.
      if (isWoken) {
        isWoken = false
        await rights.refresh().catch((error: unknown) => {
          isWoken = true
          throw error
        })
      }
      due = [...groups.values()].filter(isDue)
      // Others of the same scope wait for what was read before: nothing was asked for them.
      const asked = new Set(due.filter(({ dirty }) => dirty))
      const rows = await read(due)
      const found = await Promise.all(due.map((group) => execute(group, asked.has(group) ? rows.get(keyOf(group.scope)) : undefined)))
      // After everything was read, so that nobody gets what an event before it took away.
      if (due.length > 0) await rights.refresh()
      for (const each of found) deliver(each)
    } catch (error) {
      const passes = retry(error)
      pauseMs = 500
      for (const group of due) {
        group.dirty = true
        if (!passes) for (const [member, home] of homes) if (home === group) end(member, error)
      }
    }
    isTurning = false
    if (isWoken || [...groups.values()].some(isDue)) schedule(pauseMs)
  }

  /** The numbers of all groups that may have changed: one statement per scope. */
  async function read(due: readonly Group[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Counts>>> {
    const asked = new Map<string, { scope: Scope; ids: Set<string> }>()
    for (const group of due) {
      if (!group.dirty) continue
      group.dirty = false
      const of = asked.get(keyOf(group.scope)) ?? { scope: group.scope, ids: new Set<string>() }
      for (const id of group.ids) of.ids.add(id)
      asked.set(keyOf(group.scope), of)
    }
    return new Map(
      await Promise.all(
        [...asked].map(async ([key, { scope, ids }]) => [key, new Map((await ports.keys.counts(scope, [...ids])).map((row) => [row.subjectId, row]))] as const),
      ),
    )
  }

  async function execute(group: Group, rows: ReadonlyMap<string, Counts> | undefined): Promise<Found> {
    const execution: Execution = group.operation.under(group.scope)
    const answer = async (counts: readonly Counts[]): Promise<Answer> => ({
      json: await execution.ofCounts(counts),
      version: counts.reduce((newest, { version }) => (version > newest ? version : newest), 0n),
    })
    const now = rows ? group.ids.flatMap((id) => rows.get(id) ?? []) : []
    if (rows && now.length < group.ids.length) return { group, gone: true }
    const moved = now.filter((counts) => {
      const before = group.last.get(counts.subjectId)
      return !before || !sameCounts(before, counts)
    })
    const last = moved.length > 0 ? new Map([...group.last, ...moved.map((counts) => [counts.subjectId, counts] as const)]) : group.last
    const changed = moved.length > 0 ? await answer(moved) : null
    let whole = moved.length === group.ids.length ? changed : changed ? null : group.whole
    if (group.waiting.size > 0) whole ??= await answer([...last.values()])
    return { group, gone: false, changed, last, whole }
  }

  function deliver(found: Found): void {
    const { group } = found
    if (found.gone) {
      for (const [member, home] of homes) if (home === group) end(member, notFound())
      return
    }
    group.last = found.last
    group.whole = found.whole
    // Alone what a delivery needs stands in these loops: they run ten thousand times per change.
    let delivered = 0
    if (found.changed) {
      for (const member of group.current) {
        if (member.subscriber.isBehind) setAside(group, member)
        else {
          member.subscriber.send(found.changed.json, found.changed.version)
          delivered++
        }
      }
    }
    ports.metrics.delivered(delivered)
    // What newcomers get may be as old as it likes.
    if (delivered > 0) ports.metrics.lag(rights.occurredAt)
    // Those who came while newer numbers are on their way wait for these.
    if (group.whole && !group.dirty) for (const member of group.waiting) greet(group, member, group.whole)
  }

  function greet(group: Group, member: Membership, { json, version }: Answer): void {
    group.waiting.delete(member)
    if (member.subscriber.isBehind) setAside(group, member)
    else {
      group.current.add(member)
      member.subscriber.send(json, version)
      ports.metrics.delivered(1)
    }
  }

  /** Until the member has read what it got; then it gets everything. One who is gone is left alone until its transport says so. */
  function setAside(group: Group, member: Membership): void {
    group.current.delete(member)
    ports.metrics.conflated()
    void member.subscriber.drained().then((isThere) => {
      if (isThere && homes.get(member) === group) welcome(group, member)
    })
  }

  /** Gives the member everything, from memory when nothing newer is on its way. */
  function welcome(group: Group, member: Membership): void {
    if (group.whole && !group.dirty && !isTurning && !isWoken) greet(group, member, group.whole)
    else {
      group.waiting.add(member)
      schedule()
    }
  }

  function leave(member: Membership): void {
    const group = homes.get(member)
    if (!group) return
    homes.delete(member)
    group.current.delete(member)
    group.waiting.delete(member)
    group.size--
    if (group.size === 0) groups.delete(group.key)
  }

  function end(member: Membership, error: unknown): void {
    leave(member)
    member.subscriber.end(error)
  }

  return {
    members: () => homes.keys(),
    get groups() {
      return groups.size
    },
    place: (member, scope) => {
      const seen = visibility(member, scope)
      if (homes.get(member)?.key === seen.key) return
      leave(member)
      const { source } = member.operation.topic
      const ids = source.kind === 'counts' ? source.ids : []
      const group: Group = groups.get(seen.key) ?? {
        ...seen,
        ids,
        operation: member.operation,
        size: 0,
        current: new Set(),
        waiting: new Set(),
        last: new Map(),
        whole: null,
        dirty: true,
      }
      groups.set(seen.key, group)
      homes.set(member, group)
      member.operation = group.operation
      group.size++
      welcome(group, member)
    },
    leave,
    end,
    wake: () => {
      if (groups.size === 0) return
      isWoken = true
      schedule()
    },
    touch: (subjectIds) => {
      const touched = new Set(subjectIds)
      let isAny = false
      for (const group of groups.values()) {
        if (!group.ids.some((id) => touched.has(id))) continue
        group.dirty = true
        isAny = true
      }
      if (isAny) schedule()
    },
  }
}

import { setTimeout as pause, setImmediate as yieldToOthers } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Scope } from '../access/scope.ts'
import { resync } from '../errors.ts'
import type { Ports } from '../ports.ts'
import { feedBatch, type Groups, type Membership, visibility } from '../topic.ts'
import { batchMs } from './batching.ts'
import type { Rights } from './rights.ts'

/** A reader who takes longer for what waits to be read is sent away; its last version is where it goes on. */
const patienceMs = 10_000

interface Group {
  readonly key: string
  readonly scope: Scope
  readonly operation: Membership['operation']
  readonly members: Set<Membership>
  /** Everything up to here was delivered to all of them. */
  position: bigint
  /** Has stood at the newest version: what it reads since then is new. */
  isLive: boolean
  isRunning: boolean
  dirty: boolean
  lastStart: number
}

export interface FeedGroups extends Groups {
  /** A newer version was read, on whoever's account. */
  moved(): void
}

/**
 * The feeds of one organization. Groups that stand at the same version are one: whoever goes on from an older version reads events from the
 * table until it stands where another group does. So an event is read, executed and serialised once for all who follow it live, and
 * nothing is missed and nothing comes twice where the past meets the present.
 */
export function createFeedGroups(ports: Pick<Ports, 'metrics' | 'events'>, rights: Rights, retry: (error: unknown) => boolean): FeedGroups {
  // How many groups of one organization read at a time: however many come back at once, the database has time for others,
  // and whoever reads what is past never delays those who follow what happens.
  const [readingPast, readingNew] = [pLimit(2), pLimit(2)]
  const groups = new Map<string, Set<Group>>()
  const homes = new Map<Membership, Group>()

  function put(member: Membership, seen: { key: string; scope: Scope }, position: bigint): void {
    const same = groups.get(seen.key) ?? new Set<Group>()
    groups.set(seen.key, same)
    let group = [...same].find((each) => each.position === position)
    if (!group) {
      group = {
        ...seen,
        operation: member.operation,
        members: new Set(),
        position,
        isLive: !rights.hasRead(position + 1n),
        isRunning: false,
        dirty: false,
        lastStart: -batchMs,
      }
      same.add(group)
    }
    member.operation = group.operation
    homes.set(member, group)
    group.members.add(member)
    void advance(group)
  }

  function leave(member: Membership): void {
    const group = homes.get(member)
    if (!group) return
    homes.delete(member)
    group.members.delete(member)
    if (group.members.size === 0) drop(group)
  }

  function drop(group: Group): void {
    const same = groups.get(group.key)
    same?.delete(group)
    if (same?.size === 0) groups.delete(group.key)
  }

  function end(member: Membership, error: unknown): void {
    leave(member)
    member.subscriber.end(error)
  }

  /** Whether something that was read is still to be delivered. */
  const isShort = (group: Group): boolean => rights.hasRead(group.position + 1n)

  /** Brings the group up to the newest version, and again whenever it was woken or a newer one was read meanwhile. */
  async function advance(group: Group): Promise<void> {
    group.dirty = true
    if (group.isRunning) return
    group.isRunning = true
    while ((group.dirty || isShort(group)) && group.members.size > 0) {
      // At most one start per 50 ms; what comes meanwhile goes together.
      const waitMs = group.lastStart + batchMs - performance.now()
      if (waitMs > 0) await pause(waitMs)
      group.dirty = false
      group.lastStart = performance.now()
      try {
        const upTo = await rights.refresh()
        while (group.position < upTo && group.members.size > 0) await step(group, upTo)
        group.isLive = true
      } catch (error) {
        if (!retry(error)) for (const member of [...group.members]) end(member, error)
        else {
          group.dirty = true
          await pause(500)
        }
      }
    }
    group.isRunning = false
  }

  async function step(group: Group, upTo: bigint): Promise<void> {
    const execution = group.operation.under(group.scope)
    const { rows, answers } = await (group.isLive ? readingNew : readingPast)(async () => {
      // The embedded database answers without a pause: sockets and pings get their turn here.
      await yieldToOthers()
      // Old events are deleted at some time, and may be while somebody reads them.
      if (!group.isLive && !(await ports.events.occurredAt(group.scope.organizationId, group.position + 1n))) throw resync()
      const rows = await execution.read(group.position, upTo, feedBatch)
      return { rows, answers: await Promise.all(rows.map(async (row) => ({ json: await execution.ofEvent(row), version: row.version }))) }
    })
    // After everything was read: whoever lost a right by then left the group, or moved to another one with the old position.
    await rights.refresh()
    for (const { json, version } of answers) {
      for (const member of [...group.members]) send(group, member, json, version)
      group.position = version
    }
    if (rows.length < feedBatch) group.position = upTo
    if (answers.length > 0 && group.isLive) ports.metrics.lag(rights.occurredAt)
    join(group)
  }

  /** Another group that stands at the same version takes the members over. */
  function join(group: Group): void {
    const other = [...(groups.get(group.key) ?? [])].find((each) => each !== group && each.position === group.position)
    if (!other) return
    for (const member of group.members) {
      homes.set(member, other)
      other.members.add(member)
    }
    group.members.clear()
    drop(group)
    void advance(other)
  }

  function send(group: Group, member: Membership, json: string, version: bigint): void {
    if (!member.subscriber.isBehind) {
      ports.metrics.delivered(1)
      member.subscriber.send(json, version)
      return
    }
    // Goes on by itself from where it stands, once it has read what it got.
    const { key, scope, position } = group
    leave(member)
    homes.set(member, {
      key,
      scope,
      operation: member.operation,
      members: new Set([member]),
      position,
      isLive: false,
      isRunning: true,
      dirty: false,
      lastStart: 0,
    })
    void park(member)
  }

  async function park(member: Membership): Promise<void> {
    const parked = homes.get(member)
    const isThere = await Promise.race([member.subscriber.drained(), pause(patienceMs, null, { ref: false })])
    // One who is gone is left alone until its transport says so.
    if (!parked || homes.get(member) !== parked || isThere === false) return
    leave(member)
    if (isThere) put(member, parked, parked.position)
    else member.subscriber.fallBehind()
  }

  return {
    members: () => homes.keys(),
    get groups() {
      return [...groups.values()].reduce((sum, same) => sum + same.size, 0)
    },
    place: (member, scope, start) => {
      const seen = visibility(member, scope)
      const before = homes.get(member)
      if (before?.key === seen.key) return
      const position = before?.position ?? start
      if (position === null) return
      leave(member)
      put(member, seen, position)
    },
    leave,
    end,
    changed: () => {
      for (const same of groups.values()) for (const group of same) void advance(group)
    },
    moved: () => {
      // Those that run look for themselves.
      for (const same of groups.values()) for (const group of same) if (!group.isRunning && isShort(group)) void advance(group)
    },
  }
}

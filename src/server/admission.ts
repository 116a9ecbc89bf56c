import { rateLimited } from '../errors.ts'
import type { Work } from '../store/work.ts'
import { createTurns } from '../turns.ts'

/** The sender of an operation, as the queue identifies it. */
export interface Sender {
  readonly organization: string
  readonly member: string
}

export interface Admission {
  /**
   * Returns a function to leave when the operation may run. Throws RATE_LIMITED when the member's queue is full, and the reason of the work
   * when that is cancelled meanwhile. `isKnown`: its document need not be read, which would block the thread a while.
   */
  enter(sender: Sender, work: Work, isKnown?: boolean): Promise<() => void>
  readonly running: number
  readonly waiting: number
}

/** How many operations run at once on a node: as many as there are connections for them. */
const maxOperations = 10
/** How long a refused client waits before it retries. */
const retryAfterMs = 1_000

interface Member {
  running: number
  readonly waiting: Set<() => void>
}

/** Members by organization, each map in the order of turns. */
type Turns = Map<string, Map<string, Member>>

function memberOf(turns: Turns, { organization, member: name }: Sender): Member {
  const members = turns.get(organization) ?? new Map<string, Member>()
  turns.set(organization, members)
  const member = members.get(name) ?? { running: 0, waiting: new Set() }
  members.set(name, member)
  return member
}

/** Removes a member if it is idle. */
function forget(turns: Turns, { organization, member: name }: Sender): void {
  const members = turns.get(organization)
  const member = members?.get(name)
  if (!members || !member || member.running > 0 || member.waiting.size > 0) return
  members.delete(name)
  if (members.size === 0) turns.delete(organization)
}

/** The next operation to run, if any; moves its sender to the end. */
function nextOf(turns: Turns, isFree: (member: Member) => boolean): (() => void) | undefined {
  for (const [organization, members] of turns) {
    for (const [name, member] of members) {
      const [next] = member.waiting
      if (!next || !isFree(member)) continue
      members.delete(name)
      members.set(name, member)
      turns.delete(organization)
      turns.set(organization, members)
      return next
    }
  }
  return
}

/**
 * Limits running operations: a few per member, and in total as many as the database serves. Waiting operations run in turns, one organization
 * after the other and within it one member after the other, so that no member waits for everything of another.
 */
export function createAdmission(options: {
  readonly perMember: number
  readonly waitingPerMember: number
  /** A sender was refused. */
  readonly refused: () => void
}): Admission {
  const turns: Turns = new Map()
  const turn = createTurns()
  let running = 0
  let waiting = 0

  const isFree = (member: Member): boolean => running < maxOperations && member.running < options.perMember

  function start(sender: Sender, member: Member): () => void {
    running++
    member.running++
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      running--
      member.running--
      forget(turns, sender)
      nextOf(turns, isFree)?.()
    }
  }

  async function place(sender: Sender, work: Work): Promise<() => void> {
    const member = memberOf(turns, sender)
    if (member.waiting.size === 0 && isFree(member)) return start(sender, member)
    if (member.waiting.size >= options.waitingPerMember) {
      options.refused()
      throw rateLimited('Too many of your operations wait already. Send fewer at once: see MAX_QUEUED_OPERATIONS_PER_MEMBER.', retryAfterMs)
    }
    return new Promise<() => void>((resolve, reject) => {
      const leaveQueue = (): void => {
        waiting--
        member.waiting.delete(run)
        unwatch()
      }
      const run = (): void => {
        leaveQueue()
        resolve(start(sender, member))
      }
      waiting++
      member.waiting.add(run)
      const unwatch = work.onCancel(() => {
        leaveQueue()
        forget(turns, sender)
        reject(work.reason)
      })
    })
  }

  return {
    enter: async (sender, work, isKnown = false) => {
      work.check()
      const leave = await place(sender, work)
      if (!isKnown) await turn()
      try {
        // If the work was cancelled, frees the place now: nothing does it later.
        work.check()
      } catch (error) {
        leave()
        throw error
      }
      return leave
    },
    get running() {
      return running
    },
    get waiting() {
      return waiting
    },
  }
}

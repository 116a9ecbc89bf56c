import { rateLimited } from '../errors.ts'
import type { Work } from '../store/work.ts'
import { createTurns } from './turns.ts'

/** Who sends an operation, as far as the queue is concerned. */
export interface Sender {
  readonly organization: string
  readonly member: string
}

export interface Admission {
  /**
   * Returns how to leave, once the operation may run. Throws RATE_LIMITED when as many of the member's wait as may, and the reason of the work
   * when that is cancelled meanwhile.
   */
  enter(sender: Sender, work: Work): Promise<() => void>
  readonly running: number
  readonly waiting: number
}

/** How many operations run at once on a node: as many as there are connections for them. */
const maxOperations = 10
/** What a client that is refused waits before it tries again. */
const retryAfterMs = 1_000

interface Member {
  running: number
  readonly waiting: Set<() => void>
}

/** Members by organization, each map in the order of whose turn is next. */
type Turns = Map<string, Map<string, Member>>

function memberOf(turns: Turns, { organization, member: name }: Sender): Member {
  const members = turns.get(organization) ?? new Map<string, Member>()
  turns.set(organization, members)
  const member = members.get(name) ?? { running: 0, waiting: new Set() }
  members.set(name, member)
  return member
}

/** Drops who has nothing that runs or waits. */
function forget(turns: Turns, { organization, member: name }: Sender): void {
  const members = turns.get(organization)
  const member = members?.get(name)
  if (!members || !member || member.running > 0 || member.waiting.size > 0) return
  members.delete(name)
  if (members.size === 0) turns.delete(organization)
}

/** What runs next, if anything may; moves who it is of to the end. */
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
 * Lets operations run: of one member a few at once, of all as many as the database serves. Who waits is served by turns, an organization after
 * the other and within it a member after the other, so that nobody waits for all that somebody else has sent.
 */
export function createAdmission(options: {
  readonly perMember: number
  readonly waitingPerMember: number
  /** Somebody was refused. */
  readonly refused: () => void
}): Admission {
  const turns: Turns = new Map()
  // To read a document holds the thread for a while.
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
    enter: async (sender, work) => {
      work.check()
      const leave = await place(sender, work)
      await turn()
      try {
        // Who hung up meanwhile gives the place back at once: nobody would later.
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

import { LRUCache } from 'lru-cache'

/** What stands for the rows of an organization: while both are the same, no change was committed. */
export interface State {
  readonly version: bigint
  readonly mark: string
}

/** An answer as JSON, and whose it is. */
export interface KeptAnswer {
  /** Names it within its organization. */
  readonly key: string
  readonly json: string
  readonly organizationId: string
  readonly state: State
  /** When its state was asked for, by the process's monotonic time. */
  readonly askedAt: number
  /** The mark of last uses, if the answer depends on them; null before the first use. */
  readonly use: { readonly mark: string | null } | null
  /** The member who may get it, with the role that they had; null: everybody who sees the whole organization. */
  readonly audience: { readonly memberId: string; readonly role: string } | null
}

/** Measured: what an answer takes besides its text, and an organization besides its answers. */
const bytesPerAnswer = 1_800
const bytesPerOrganization = 2_500
/** At most this part of the memory is for answers of one organization. */
const shareOfOne = 0.25

export interface KeptAnswers {
  find(organizationId: string, key: string): KeptAnswer | undefined
  /** Keeps an answer, and drops those of the organization under a state that was asked for before. Ignores one whose own state was. */
  keep(answer: KeptAnswer): void
  /** Its state is gone. */
  drop(answer: KeptAnswer): void
  readonly bytes: number
  readonly size: number
}

interface Kept {
  readonly state: State
  askedAt: number
  readonly answers: LRUCache<string, KeptAnswer>
}

const isSame = (one: State, other: State): boolean => one.version === other.version && one.mark === other.mark

/**
 * Answers by organization, all of one state. Bounded by bytes: one organization holds at most a quarter, and the least recently used
 * organization gives its place to others.
 */
export function createKeptAnswers(maxBytes: number): KeptAnswers {
  const bytesOfOne = Math.floor(maxBytes * shareOfOne) - bytesPerOrganization
  /** In the order of their last use. */
  const organizations = new Map<string, Kept>()
  let bytes = 0

  function dropAll(id: string): void {
    const kept = organizations.get(id)
    if (!kept) return
    organizations.delete(id)
    bytes -= kept.answers.calculatedSize + bytesPerOrganization
  }

  function used(id: string, kept: Kept): void {
    organizations.delete(id)
    organizations.set(id, kept)
  }

  return {
    find: (id, key) => {
      const kept = organizations.get(id)
      if (!kept) return
      used(id, kept)
      return kept.answers.get(key)
    },
    drop: (answer) => {
      const kept = organizations.get(answer.organizationId)
      if (kept?.answers.peek(answer.key) !== answer) return
      bytes -= kept.answers.calculatedSize
      kept.answers.delete(answer.key)
      bytes += kept.answers.calculatedSize
    },
    keep: (answer) => {
      const { organizationId: id, key } = answer
      // A text with characters beyond Latin-1 has two bytes for each.
      const size = 2 * answer.json.length + bytesPerAnswer
      if (size > bytesOfOne) return
      const known = organizations.get(id)
      const isOther = known && !isSame(known.state, answer.state)
      // Not by version, which a restore lowers.
      if (isOther && answer.askedAt < known.askedAt) return
      if (isOther) dropAll(id)
      if (!organizations.has(id)) bytes += bytesPerOrganization
      const { state, askedAt } = answer
      const kept = organizations.get(id) ?? { state, askedAt, answers: new LRUCache<string, KeptAnswer>({ maxSize: bytesOfOne }) }
      kept.askedAt = Math.max(kept.askedAt, askedAt)
      used(id, kept)
      bytes -= kept.answers.calculatedSize
      kept.answers.set(key, answer, { size })
      bytes += kept.answers.calculatedSize
      for (const [oldest] of organizations) {
        if (bytes <= maxBytes) break
        dropAll(oldest)
      }
    },
    get bytes() {
      return bytes
    },
    get size() {
      let size = 0
      for (const { answers } of organizations.values()) size += answers.size
      return size
    },
  }
}

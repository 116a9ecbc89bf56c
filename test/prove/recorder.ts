import { type Answer, mutate, mutations, type Propagation, verify } from './ask.ts'
import type { Node } from './cluster.ts'
import type { Denial, Entry } from './history.ts'

/** A key whose whole text is known. */
export interface HeldKey {
  readonly id: string
  readonly text: string
  readonly instanceId: string
  /** The member who made it; null: the owner. */
  readonly memberId: string | null
}

/** Asks, and writes down what was asked and answered, by one monotonic clock. */
export class Recorder {
  readonly history: Entry[] = []
  /** How many were answered, by what they are. */
  readonly answered: Record<string, number> = {}
  unanswered = 0
  /** Refusals of what is no denial, by code: such as of a short key, by a node whose clock is ahead. */
  readonly refusals: Record<string, number> = {}

  get operations(): number {
    return Object.values(this.answered).reduce((sum, count) => sum + count, 0)
  }

  #count(kind: string, isAnswered: boolean): void {
    if (isAnswered) this.answered[kind] = (this.answered[kind] ?? 0) + 1
    else this.unanswered++
  }

  async verify(node: Node, key: HeldKey, fresh = false): Promise<string | null> {
    const begin = performance.now()
    const outcome = await verify(node, key.text, key.instanceId, fresh)
    const end = performance.now()
    this.#count('verifications', outcome !== null)
    this.history.push({ kind: 'verification', key: key.id, node: node.index, begin, end: outcome === null ? null : end, outcome })
    return outcome
  }

  /** Makes something; null when that was not answered, or refused. */
  async make<Made>(node: Node, authorization: string, what: 'create' | 'instance' | 'member', variables: object): Promise<Made | null> {
    const answer: Answer<{ made: Made }> = await mutate(node, authorization, mutations[what], variables)
    this.#count(what === 'create' ? 'creations' : 'others', answer !== 'unknown')
    if (answer === 'unknown') return null
    if ('data' in answer) return answer.data.made
    this.refusals[answer.refused] = (this.refusals[answer.refused] ?? 0) + 1
    return null
  }

  async create(node: Node, authorization: string, instanceId: string, memberId: string | null, lifeMs: number): Promise<HeldKey | null> {
    const begin = performance.now()
    const expiresAt = Date.now() + lifeMs
    type Made = { plaintext: string; apiKey: { id: string } }
    const made = await this.make<Made>(node, authorization, 'create', { instanceId, expiresAt: new Date(expiresAt).toISOString() })
    if (!made) return null
    const { id } = made.apiKey
    this.history.push({ kind: 'created', key: id, begin, end: performance.now(), endsAt: begin + lifeMs })
    return { id, text: made.plaintext, instanceId, memberId }
  }

  /** Denies keys; null when that was not answered. */
  async deny(node: Node, authorization: string, by: Denial['by'], id: string, keys: readonly HeldKey[]): Promise<Propagation | null> {
    const ids = keys.map((key) => key.id)
    const span = { begin: performance.now(), end: null as number | null, refused: '' }
    // Written down at its begin: whatever comes of it, it may be in force from now on. Its end is known later.
    const entry: Denial = Object.assign(span, { kind: 'denial' as const, by, keys: ids })
    this.history.push(entry)
    const answer: Answer<{ made: { propagation: Propagation } }> = await mutate(node, authorization, mutations[by], { id })
    this.#count(by === 'revocation' ? 'revocations' : 'other denials', answer !== 'unknown')
    if (answer === 'unknown') return null
    if ('refused' in answer) span.refused = answer.refused
    else span.end = performance.now()
    return 'data' in answer ? answer.data.made.propagation : null
  }

  /** A node's clock is set off until the answer is called. */
  clock(aheadMs: number): () => void {
    const span = { begin: performance.now(), end: null as number | null }
    this.history.push(Object.assign(span, { kind: 'clock' as const, aheadMs }))
    return () => {
      span.end = performance.now()
    }
  }
}

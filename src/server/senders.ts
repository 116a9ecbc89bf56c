import { LRUCache } from 'lru-cache'
import type { Actor, Identity } from '../access/actor.ts'
import { seesEveryRow } from '../access/rights.ts'
import type { Sender } from './admission.ts'

/** How many members are remembered as senders; others of an organization are strangers at first, each on their own. */
const maxKnownSenders = 10_000

/** A sender, and whether they saw the whole organization when they were last read. */
export interface KnownSender extends Sender {
  readonly sawAll: boolean
}

/** Returns the organization and member that an identity waits under, before the database is read for it. */
export interface Senders {
  of(identity: Identity): KnownSender
  /** Records that the identity is this member. */
  learn(identity: Identity, actor: Actor): void
}

/**
 * A credential can name an organization that its sender does not belong to, and a different one each time: so it counts for the organization
 * only once it was found there, and for itself until then.
 */
export function createSenders(): Senders {
  const known = new LRUCache<string, KnownSender>({ max: maxKnownSenders })
  const keyOf = ({ subject, organization }: Identity): string => `${subject} ${organization ?? ''}`
  return {
    of: (identity) => known.get(keyOf(identity)) ?? { organization: `stranger ${identity.subject}`, member: identity.subject, sawAll: false },
    learn: (identity, actor) => void known.set(keyOf(identity), { ...senderOf(actor), sawAll: seesEveryRow(actor) }),
  }
}

export const senderOf = ({ organizationId, memberId }: Actor): Sender => ({ organization: organizationId, member: memberId })

import { LRUCache } from 'lru-cache'
import type { Actor, Identity } from '../access/actor.ts'
import type { Sender } from './admission.ts'

/** Members whose place among the senders is remembered; the others of an organization come first as strangers, each by themselves. */
const maxKnownSenders = 10_000

/** Tells under which organization and member an identity waits, before the database was asked who it is. */
export interface Senders {
  of(identity: Identity): Sender
  /** The identity was found to be this member. */
  learn(identity: Identity, actor: Actor): void
}

/**
 * A credential can name an organization that its sender has nothing to do with, and a different one each time: so it counts for the organization
 * only once it was found there, and for itself until then.
 */
export function createSenders(): Senders {
  const known = new LRUCache<string, Sender>({ max: maxKnownSenders })
  const keyOf = ({ subject, organization }: Identity): string => `${subject} ${organization ?? ''}`
  return {
    of: (identity) => known.get(keyOf(identity)) ?? { organization: `stranger ${identity.subject}`, member: identity.subject },
    learn: (identity, actor) => void known.set(keyOf(identity), senderOf(actor)),
  }
}

export const senderOf = ({ organizationId, memberId }: Actor): Sender => ({ organization: organizationId, member: memberId })

import DataLoader from 'dataloader'
import type { Authenticate, Credential, Identify, Identity, Marks, Recognize } from '../access/actor.ts'
import { organizationNeeded, unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import { isSubject } from '../members/model.ts'
import type { CallerStore, PresentMember } from '../members/store.ts'
import { isSlug } from '../names.ts'
import { runForAll } from '../store/work.ts'
import { dayMs } from '../time.ts'
import type { Tokens } from './remembered-tokens.ts'

/** The longest time until a credential ends, whatever its token says. */
const maxCredentialMs = 365 * dayMs

/** Checks the token, its times, and the format of subject and organization, without the database. */
export function createIdentify(options: {
  tokens: Tokens
  organizationClaim: string
  /** The organization of a credential that names none; null: the only one that exists. */
  defaultOrganization: string | null
  now: () => Date
}): { identify: Identify; recognize: Recognize } {
  const tokenOf = ({ authorization }: Credential): string | undefined => /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
  /** Null if a claim is wrong. Others signed them: each can have any type. */
  const identityOf = (claims: Readonly<Record<string, unknown>>, organization: unknown): Identity | null => {
    const { sub, exp } = claims
    if (typeof sub !== 'string' || !isSubject(sub) || typeof exp !== 'number') return null
    const claimed = claims[options.organizationClaim]
    const named = claimed === undefined ? (organization ?? options.defaultOrganization) : claimed
    // Looked up in one batch with other requests: a text that the database rejects would fail all of them.
    if (named !== null && (typeof named !== 'string' || (!isSlug(named) && !isId(named, 'org')))) return null
    return { subject: sub, organization: named, expiresAt: new Date(Math.min(exp * 1000, options.now().getTime() + maxCredentialMs)) }
  }
  return {
    recognize: (credential) => {
      const token = tokenOf(credential)
      const claims = token === undefined ? null : options.tokens.known(token)
      return claims && identityOf(claims, credential.organization)
    },
    identify: async (credential) => {
      const token = tokenOf(credential)
      const identity = token === undefined ? null : identityOf(await options.tokens.verify(token), credential.organization)
      if (!identity) throw unauthenticated()
      return identity
    },
  }
}

/** How many callers are looked for in one statement. */
const maxCallers = 500

/** A present member; with the marks of their organization where a statement for this request found them. */
type Found = PresentMember & { readonly marks?: Marks }

/** Finds members for callers, null for an identity without an organization where several exist. */
export interface Callers {
  bySubject(subject: string, organization: string): Promise<readonly Found[]>
  ofOnlyOrganization(subject: string): Promise<readonly Found[] | null>
}

/** Loads in batches: the first at once, in the next turn of the event loop, and while it has no answer everything else in the next one. */
function inBatches<Key, Value>(read: (keys: readonly Key[]) => Promise<Value[]>): DataLoader<Key, Value> {
  let isReading = false
  let next: (() => void) | null = null
  const start = (ask: () => void): void => {
    isReading = true
    setImmediate(ask)
  }
  const ended = (): void => {
    isReading = false
    const ask = next
    next = null
    if (ask) start(ask)
  }
  return new DataLoader<Key, Value>((keys) => read(keys).finally(ended), {
    cache: false,
    maxBatchSize: maxCallers,
    batchScheduleFn: (ask) => {
      if (!isReading) return start(ask)
      const before = next
      next = () => {
        before?.()
        ask()
      }
    },
  })
}

/** Finds callers in the database: those who ask while a statement runs share the next one, which is sent after all of them asked. */
export function createCallers(callers: Pick<CallerStore, 'inNamed' | 'inOnly'>): Callers {
  const named = inBatches((sought: readonly { subject: string; organization: string }[]) => callers.inNamed(sought))
  const only = inBatches((subjects: readonly string[]) => callers.inOnly(subjects))
  return {
    bySubject: (subject, organization) => runForAll(() => named.load({ subject, organization })),
    ofOnlyOrganization: (subject) => runForAll(() => only.load(subject)),
  }
}

/**
 * Finds the current member of an identity, with one statement. An identity without an organization belongs to the only one that exists: its
 * meaning does not depend on where else its subject was added.
 */
export function createAuthenticate(options: { organizationClaim: string; callers: Callers }): Authenticate {
  return async ({ subject, organization, expiresAt }) => {
    const found = await (organization === null ? options.callers.ofOnlyOrganization(subject) : options.callers.bySubject(subject, organization))
    if (found === null) throw organizationNeeded(options.organizationClaim)
    const [member] = found
    if (!member) throw unauthenticated()
    return { ...member, subject, expiresAt }
  }
}

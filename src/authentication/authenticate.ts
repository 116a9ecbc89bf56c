import type { Authenticate, Identify } from '../access/actor.ts'
import { organizationNeeded, unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import { isSubject } from '../members/model.ts'
import type { MemberStore } from '../members/store.ts'
import { isSlug } from '../names.ts'
import { dayMs } from '../time.ts'
import type { VerifyToken } from './tokens.ts'

/** The longest time until a credential ends, whatever its token says. */
const maxCredentialMs = 365 * dayMs

/** Checks the token, its times, and the format of subject and organization, without the database. */
export function createIdentify(options: {
  verifyToken: VerifyToken
  organizationClaim: string
  /** The organization of a credential that names none; null: the only one that exists. */
  defaultOrganization: string | null
  now: () => Date
}): Identify {
  return async ({ authorization, organization }) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw unauthenticated()
    // Others signed it: a claim can have any type.
    const claims = (await options.verifyToken(token)) as Readonly<Record<string, unknown>>
    const { sub, exp } = claims
    if (typeof sub !== 'string' || !isSubject(sub) || typeof exp !== 'number') throw unauthenticated()
    const claimed = claims[options.organizationClaim]
    const named = claimed === undefined ? (organization ?? options.defaultOrganization) : claimed
    // Looked up in one batch with other requests: a text that the database rejects would fail all of them.
    if (named !== null && (typeof named !== 'string' || (!isSlug(named) && !isId(named, 'org')))) throw unauthenticated()
    return { subject: sub, organization: named, expiresAt: new Date(Math.min(exp * 1000, options.now().getTime() + maxCredentialMs)) }
  }
}

/**
 * Finds the current member of an identity in the database, with one statement. An identity without an organization belongs to the only
 * one that exists: its meaning does not depend on where else its subject was added.
 */
export function createAuthenticate(options: { organizationClaim: string; members: Pick<MemberStore, 'bySubject' | 'ofOnlyOrganization'> }): Authenticate {
  return async ({ subject, organization, expiresAt }) => {
    const found = await (organization === null ? options.members.ofOnlyOrganization(subject) : options.members.bySubject(subject, organization))
    if (found === null) throw organizationNeeded(options.organizationClaim)
    const [member] = found
    if (!member) throw unauthenticated()
    return { ...member, subject, expiresAt }
  }
}

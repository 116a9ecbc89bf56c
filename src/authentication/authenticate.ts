import type { Authenticate, Identify } from '../access/actor.ts'
import { organizationNeeded, unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import { isSubject } from '../members/model.ts'
import type { MemberStore } from '../members/store.ts'
import { isSlug } from '../names.ts'
import { dayMs } from '../time.ts'
import type { VerifyToken } from './tokens.ts'

/** A credential ends at the latest so long from now, whatever its token says. */
const maxCredentialMs = 365 * dayMs

/** Checks the token, its times, and the form of what it and the request say; the database is not asked. */
export function createIdentify(options: {
  verifyToken: VerifyToken
  organizationClaim: string
  /** What a credential means that names no organization; null: the only one that there is. */
  defaultOrganization: string | null
  now: () => Date
}): Identify {
  return async ({ authorization, organization }) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw unauthenticated()
    // Signed, but by others: a claim can have any type.
    const claims = (await options.verifyToken(token)) as Readonly<Record<string, unknown>>
    const { sub, exp } = claims
    if (typeof sub !== 'string' || !isSubject(sub) || typeof exp !== 'number') throw unauthenticated()
    const claimed = claims[options.organizationClaim]
    const named = claimed === undefined ? (organization ?? options.defaultOrganization) : claimed
    // Looked up together with what others send: a text that the database cannot take would fail for all of them.
    if (named !== null && (typeof named !== 'string' || (!isSlug(named) && !isId(named, 'org')))) throw unauthenticated()
    return { subject: sub, organization: named, expiresAt: new Date(Math.min(exp * 1000, options.now().getTime() + maxCredentialMs)) }
  }
}

/**
 * Finds the member that an identity is, as the database says at this moment, with one statement. An identity without an organization is
 * a member of the only one that there is: what it means does not depend on where else its subject was added.
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

import { unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import { isSubject } from '../members/model.ts'
import type { MemberStore } from '../members/store.ts'
import { isSlug } from '../names.ts'
import type { Authenticate } from './actor.ts'
import type { VerifyToken } from './tokens.ts'

/** Turns a credential into the member that it names, as the database says at this moment, with one statement. */
export function createAuthenticate(options: { verifyToken: VerifyToken; organizationClaim: string; members: Pick<MemberStore, 'bySubject'> }): Authenticate {
  return async ({ authorization, organization }) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw unauthenticated()
    const payload = await options.verifyToken(token)
    const claimed = payload[options.organizationClaim]
    if (claimed !== undefined && typeof claimed !== 'string') throw unauthenticated()
    const named = claimed ?? organization ?? null
    // Looked up together with what others send: a text that the database cannot take would fail for all of them.
    if (!payload.sub || !isSubject(payload.sub) || (named !== null && !isSlug(named) && !isId(named, 'org'))) throw unauthenticated()
    if (payload.exp === undefined) throw unauthenticated()
    const [member, ...others] = await options.members.bySubject(payload.sub, named)
    if (!member || others.length > 0) throw unauthenticated()
    return { ...member, subject: payload.sub, expiresAt: new Date(payload.exp * 1000) }
  }
}

import { createSecretKey } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { unauthenticated } from '../errors.ts'
import type { MemberStore } from '../members/store.ts'
import type { Authenticate } from './actor.ts'

const algorithm = 'HS256'
const issuer = 'aura-keys'

/** Signs what `createAuthenticate` accepts. `ttl`: a span such as `1h`. */
export function signToken(
  secret: Uint8Array,
  claims: { subject: string; organization: string; organizationClaim: string; ttl: string | Date },
): Promise<string> {
  return new SignJWT({ [claims.organizationClaim]: claims.organization })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuer(issuer)
    .setIssuedAt()
    .setExpirationTime(claims.ttl)
    .sign(createSecretKey(secret))
}

/** Tokens signed with HS256 under `secret`, and only those. `now` is read at every call. */
export function createAuthenticate(options: {
  secret: Uint8Array
  organizationClaim: string
  members: Pick<MemberStore, 'bySubject'>
  now: () => Date
}): Authenticate {
  const key = createSecretKey(options.secret)
  return async ({ authorization, organization }) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw unauthenticated()
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer,
      requiredClaims: ['sub', 'exp'],
      currentDate: options.now(),
    }).catch(() => {
      throw unauthenticated()
    })
    const claimed = payload[options.organizationClaim]
    if (claimed !== undefined && typeof claimed !== 'string') throw unauthenticated()
    if (!payload.sub || payload.exp === undefined) throw unauthenticated()
    const [member, ...others] = await options.members.bySubject(payload.sub, claimed ?? organization ?? null)
    if (!member || others.length > 0) throw unauthenticated()
    return { ...member, subject: payload.sub, expiresAt: new Date(payload.exp * 1000) }
  }
}

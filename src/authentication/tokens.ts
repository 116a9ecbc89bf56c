import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose'
import { unauthenticated, unavailable } from '../errors.ts'
import type { Log } from '../ports.ts'

/** Returns the claims of a token; throws UNAUTHENTICATED if it is invalid, UNAVAILABLE if it cannot be checked. */
export type VerifyToken = (token: string) => Promise<JWTPayload>

const embeddedAlgorithm = 'HS256'
const embeddedIssuer = 'aura-keys'
/** Signatures that an identity provider may use; never a shared secret, and never none. */
const providerAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** How much the provider's clock and ours may differ. */
const skewSeconds = 5
/** How old the provider's keys may get before a reload; the old ones stay in use meanwhile, and while it does not respond. */
const refreshMs = 10 * 60 * 1000

/** Signs a token for `createSecretVerifier`. `ttl`: a duration such as `1h`. */
export function signToken(
  secret: Uint8Array,
  claims: { subject: string; organization: string; organizationClaim: string; ttl: string | Date },
): Promise<string> {
  return new SignJWT({ [claims.organizationClaim]: claims.organization })
    .setProtectedHeader({ alg: embeddedAlgorithm, typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuer(embeddedIssuer)
    .setIssuedAt()
    .setExpirationTime(claims.ttl)
    .sign(createSecretKey(secret))
}

const requiredClaims = ['sub', 'exp']

/** Accepts only tokens signed with HS256 and `secret`. `now` is read at every call. */
export function createSecretVerifier(secret: Uint8Array, now: () => Date): VerifyToken {
  const key = createSecretKey(secret)
  return async (token) => {
    const options = { algorithms: [embeddedAlgorithm], issuer: embeddedIssuer, requiredClaims, currentDate: now() }
    const { payload } = await jwtVerify(token, key, options).catch(() => {
      throw unauthenticated()
    })
    return payload
  }
}

// These errors mean a bad token; all others mean that the provider is unreachable.
const badToken = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
]

/** Checks tokens of an identity provider with the keys that it publishes at `url`. */
export function createProviderVerifier(provider: { url: string; issuer: string; audience: string; now: () => Date; log: Log }): VerifyToken {
  const keys = createRemoteJWKSet(new URL(provider.url), { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: 5_000, timeoutDuration: 3_000 })
  let readAt: number | null = null
  // An unknown key is fetched at once; known keys are reloaded now and then, so that withdrawn ones stop.
  const getKey: JWTVerifyGetKey = async (header, token) => {
    if (readAt !== null && performance.now() - readAt > refreshMs) {
      readAt = performance.now()
      keys.reload().catch((error: Error) => provider.log.warn({ error: error.name }, 'the keys of the identity provider could not be read again'))
    }
    const key = await keys(header, token)
    readAt ??= performance.now()
    return key
  }
  return async (token) => {
    const options: JWTVerifyOptions = {
      algorithms: providerAlgorithms,
      issuer: provider.issuer,
      audience: provider.audience,
      clockTolerance: skewSeconds,
      requiredClaims,
      currentDate: provider.now(),
    }
    const { payload } = await jwtVerify(token, getKey, options).catch((error: unknown) => {
      if (badToken.some((kind) => error instanceof kind)) throw unauthenticated()
      provider.log.warn({ error: (error as Error).name }, 'the keys of the identity provider could not be read')
      throw unavailable('The identity provider is out of reach, so this token cannot be checked. Try again.')
    })
    return payload
  }
}

import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose'
import { unauthenticated, unavailable } from '../errors.ts'
import type { Log } from '../ports.ts'

/** The claims of a token; throws UNAUTHENTICATED for one that is not valid, UNAVAILABLE when that cannot be known. */
export type VerifyToken = (token: string) => Promise<JWTPayload>

const embeddedAlgorithm = 'HS256'
const embeddedIssuer = 'aura-keys'
/** Signatures that an identity provider may use; never a shared secret, and never none. */
const providerAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** How far the provider's clock and ours may be apart. */
const skewSeconds = 5
/** How old the provider's keys may get before they are read again; the old ones go on meanwhile, and while it does not answer. */
const refreshMs = 10 * 60 * 1000

/** Signs what `createSecretVerifier` accepts. `ttl`: a span such as `1h`. */
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

/** Tokens signed with HS256 under `secret`, and only those. `now` is read at every call. */
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

// What says that the token is bad; everything else says that the provider could not be asked.
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

/** Tokens of an identity provider, checked with the keys that it publishes at `url`. */
export function createProviderVerifier(provider: { url: string; issuer: string; audience: string; now: () => Date; log: Log }): VerifyToken {
  const keys = createRemoteJWKSet(new URL(provider.url), { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: 5_000, timeoutDuration: 3_000 })
  let readAt: number | null = null
  // An unknown key is read for at once; known ones are read again from time to time, so that withdrawn ones end.
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

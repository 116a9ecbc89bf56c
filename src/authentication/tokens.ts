import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose'
import { unauthenticated, unavailable } from '../errors.ts'
import type { Log } from '../ports.ts'
import { rememberTokens, type Tokens, type VerifyToken } from './remembered-tokens.ts'

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
export function createSecretVerifier(secret: Uint8Array, now: () => Date): Tokens {
  const key = createSecretKey(secret)
  const check: VerifyToken = async (token) => {
    const options = { algorithms: [embeddedAlgorithm], issuer: embeddedIssuer, requiredClaims, currentDate: now() }
    const { payload } = await jwtVerify(token, key, options).catch(() => {
      throw unauthenticated()
    })
    return payload
  }
  return rememberTokens(check, { now, skewSeconds: 0 })
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
export function createProviderVerifier(provider: { url: string; issuer: string; audience: string; now: () => Date; log: Log }): Tokens {
  const keys = createRemoteJWKSet(new URL(provider.url), { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: 5_000, timeoutDuration: 3_000 })
  let readAt: number | null = null
  let published = ''
  const forgetIfChanged = (): void => {
    const now = JSON.stringify(keys.jwks())
    if (now !== published) remembered.forget()
    published = now
  }
  // An unknown key is fetched at once; known keys are reloaded now and then, so that withdrawn ones stop.
  const reloadIfOld = (): void => {
    if (readAt === null || performance.now() - readAt <= refreshMs) return
    readAt = performance.now()
    keys
      .reload()
      .then(forgetIfChanged)
      .catch((error: Error) => provider.log.warn({ error: error.name }, 'the keys of the identity provider could not be read again'))
  }
  const getKey: JWTVerifyGetKey = async (header, token) => {
    try {
      const key = await keys(header, token)
      readAt ??= performance.now()
      return key
    } finally {
      // An unknown key reads them again too, and fails.
      forgetIfChanged()
    }
  }
  const check: VerifyToken = async (token) => {
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
  const remembered = rememberTokens(check, { now: provider.now, skewSeconds })
  return {
    known: (token) => {
      reloadIfOld()
      return remembered.known(token)
    },
    verify: (token) => {
      reloadIfOld()
      return remembered.verify(token)
    },
  }
}

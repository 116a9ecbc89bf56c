import * as oidc from 'openid-client'
import { unauthenticated, unavailable } from '../errors.ts'
import type { Log } from '../ports.ts'
import { isSafeUrl } from '../setting.ts'

/** People's sign-in at the identity provider: authorization code with PKCE. */
export interface ProviderSignIn {
  /** Where the browser goes, and what it keeps meanwhile in a cookie. */
  begin(redirectUri: string, returnTo: string): Promise<{ url: string; pending: string }>
  /** Who came back, with `pending` of the same browser; throws UNAUTHENTICATED if the answer is not the one that was asked for. */
  finish(cameTo: URL, pending: string): Promise<{ subject: string; organization: string | null; returnTo: string }>
}

interface Pending {
  readonly verifier: string
  readonly state: string
  readonly nonce: string
  readonly returnTo: string
}

/** Reads what the browser kept, which anybody can write. */
function parse(pending: string): Pending {
  let kept: Partial<Record<keyof Pending, unknown>> | null
  try {
    kept = JSON.parse(Buffer.from(pending, 'base64url').toString()) as typeof kept
  } catch {
    throw unauthenticated()
  }
  const { verifier, state, nonce, returnTo } = kept ?? {}
  if (![verifier, state, nonce, returnTo].every((text) => typeof text === 'string' && text !== '')) throw unauthenticated()
  return kept as Pending
}

/** Whether no answer came, in the error or in what caused it. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.message === 'fetch failed' || error.name === 'TimeoutError' || isUnreachable(error.cause)
}

function outOfReach(error: Error, log: Log): Error {
  log.warn({ error: error.name }, 'the identity provider could not be reached for a sign-in')
  return unavailable('The identity provider is out of reach. Try again.')
}

/** The provider's own description is read at the first sign-in, so that a provider that is down does not keep the server from starting. */
export function createProviderSignIn(options: {
  issuer: string
  clientId: string
  clientSecret: string | undefined
  organizationClaim: string
  log: Log
}): ProviderSignIn {
  const { issuer, clientId, clientSecret, organizationClaim, log } = options
  let known: Promise<oidc.Configuration> | null = null

  function configuration(): Promise<oidc.Configuration> {
    const isPlain = issuer.startsWith('http:') && isSafeUrl(issuer)
    const authenticates = clientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(clientSecret)
    known ??= oidc.discovery(new URL(issuer), clientId, undefined, authenticates, {
      execute: [oidc.enableNonRepudiationChecks, ...(isPlain ? [oidc.allowInsecureRequests] : [])],
    })
    return known.catch((error: Error) => {
      known = null
      throw outOfReach(error, log)
    })
  }

  return {
    begin: async (redirectUri, returnTo) => {
      const provider = await configuration()
      const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()]
      const url = oidc.buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        scope: 'openid',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      })
      return { url: url.href, pending: Buffer.from(JSON.stringify({ verifier, state, nonce, returnTo } satisfies Pending)).toString('base64url') }
    },
    finish: async (cameTo, pending) => {
      const { verifier, state, nonce, returnTo } = parse(pending)
      const provider = await configuration()
      const tokens = await oidc
        .authorizationCodeGrant(provider, cameTo, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true })
        .catch((error: Error) => {
          if (isUnreachable(error)) throw outOfReach(error, log)
          log.info({ error: error.name }, 'a sign-in at the identity provider was not accepted')
          throw unauthenticated()
        })
      const claims = tokens.claims()
      if (!claims) throw unauthenticated()
      const organization = claims[organizationClaim]
      return { subject: claims.sub, organization: typeof organization === 'string' ? organization : null, returnTo }
    },
  }
}

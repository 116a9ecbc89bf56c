import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { Provider } from 'oidc-provider'

export const audience = 'https://keys.test.example'
const callback = 'https://portal.test.example/callback'

export interface IdentityProvider {
  readonly issuer: string
  readonly jwksUrl: string
  /** A token for a program, whose subject is the client `ci`. */
  clientCredentials(organization: string, resource?: string): Promise<string>
  /** A token for a person who signs in and agrees, through the whole authorization code flow. */
  signIn(subject: string, organization: string): Promise<string>
  /** A browser's part of a sign-in that begins at this address; answers the address that the provider sends it back to. */
  authorize(url: string, subject: string): Promise<string>
  /** From now on tokens are signed with a new key; the old one is no longer published. */
  rotate(): Promise<void>
  /** Stops answering, and answers again. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

const newKey = async (kid: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' }
}

/** A real OpenID provider on loopback, with a client for programs and one for people. */
export async function startIdentityProvider(...more: readonly string[]): Promise<IdentityProvider> {
  let server: Server
  let handler: ReturnType<Provider['callback']>
  let port = 0
  let keys = 0
  const organizationOf = new Map<string, string>()

  const listen = (): Promise<void> =>
    new Promise((resolve) => {
      server = createServer((request, response) => void handler(request, response)).listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })

  handler = (() => undefined) as never
  await listen()
  const issuer = `http://127.0.0.1:${port}`
  const restart = async (): Promise<void> => {
    // The library warns of what is meant for development only, which is what this is.
    const { warn } = console
    console.warn = () => undefined
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: 'ci',
          client_secret: 'secret of ci',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          token_endpoint_auth_method: 'client_secret_post',
        },
        {
          client_id: 'portal',
          client_secret: 'secret of portal',
          grant_types: ['authorization_code'],
          redirect_uris: [callback, ...more],
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      jwks: { keys: [await newKey(`key-${++keys}`)] },
      cookies: { keys: ['a key for cookies'] },
      pkce: { required: () => false },
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          useGrantedResource: () => true,
          getResourceServerInfo: (_context, resource) => ({ scope: 'keys', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
        },
      },
      findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      extraTokenClaims: (_context, token) => ({ org: organizationOf.get('accountId' in token ? (token.accountId as string) : 'ci') }),
    })
    console.warn = warn
    handler = provider.callback()
  }
  await restart()

  const token = async (form: Record<string, string>): Promise<string> => {
    const response = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })
    const answer = (await response.json()) as { access_token?: string }
    if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
    return answer.access_token
  }

  /** Signs in and agrees; answers where the provider sends the browser. */
  async function browse(start: string, subject: string): Promise<string> {
    const cookies = new Map<string, string>()
    // A browser's part: follow redirects, keep cookies, send the forms of the sign-in and of the consent.
    const step = async (url: string, form?: Record<string, string>): Promise<Response> => {
      const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
      const response = await fetch(new URL(url, issuer), {
        redirect: 'manual',
        headers,
        ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
      })
      for (const cookie of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (cookie.split(';', 1)[0] ?? '').split(/=(.*)/s)
        cookies.set(name, value)
      }
      return response
    }
    let location = start
    for (let steps = 0; ![callback, ...more].some((each) => location.startsWith(each)); steps++) {
      if (steps > 12) throw new Error(`the sign-in does not end: ${location}`)
      let response = await step(location)
      if (response.status === 200) {
        const prompt = /name="prompt" value="(\w+)"/.exec(await response.text())?.[1] ?? ''
        response = await step(location, prompt === 'login' ? { prompt, login: subject, password: 'any' } : { prompt })
      }
      location = response.headers.get('location') ?? ''
    }
    return location
  }

  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    clientCredentials: (organization, resource = audience) => {
      organizationOf.set('ci', organization)
      return token({ grant_type: 'client_credentials', client_id: 'ci', client_secret: 'secret of ci', scope: 'keys', resource })
    },
    authorize: async (url, subject) => browse(url, subject),
    signIn: async (subject, organization) => {
      organizationOf.set(subject, organization)
      const query = new URLSearchParams({ client_id: 'portal', response_type: 'code', redirect_uri: callback, scope: 'openid keys', resource: audience })
      const location = await browse(`/auth?${query}`, subject)
      const code = new URL(location).searchParams.get('code') ?? ''
      return token({ grant_type: 'authorization_code', code, redirect_uri: callback, client_id: 'portal', client_secret: 'secret of portal' })
    },
    rotate: restart,
    down: stop,
    up: listen,
    close: stop,
  }
}

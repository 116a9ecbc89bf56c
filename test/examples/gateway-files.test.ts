import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { ask } from '../support/gateways.ts'

const gatewayToken = 'a-token-of-the-gateways'
const { server, company } = await companyOfFile({ GATEWAY_TOKEN: gatewayToken })
let key: TestKey

beforeAll(async () => {
  key = await company.createKey('devA', company.I1)
})

/** What the file of a gateway says that it does; these two cannot be installed from Debian, so it is not run. */
interface Described {
  readonly path: string
  /** Headers of a question: those that the gateway sets, and the names of those that it copies from the request. */
  readonly set: Record<string, string>
  readonly copied: readonly string[]
  /** Names of headers that the application gets from the answer, and of those that it never gets from a client. */
  readonly given: readonly string[]
  readonly hidden: readonly string[]
}

const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase())
const settings = <Shape>(file: string): Shape =>
  parse(
    readFileSync(`examples/gateways/${file}`, 'utf8')
      .replace(/: INSTANCE_ID/, `: ${company.I1}`)
      .replace(/: GATEWAY_TOKEN/, `: ${gatewayToken}`),
  ) as Shape

interface Headers {
  readonly headers: { readonly customRequestHeaders: Record<string, string> }
}
interface Traefik {
  readonly http: {
    readonly routers: { readonly app: { readonly middlewares: readonly string[] } }
    readonly middlewares: {
      readonly 'ask-as-gateway': Headers
      readonly ask: { readonly forwardAuth: Record<'authRequestHeaders' | 'authResponseHeaders', readonly string[]> & { readonly address: string } }
      readonly 'without-secrets': Headers
    }
  }
}

function traefik(): Described {
  const { routers, middlewares } = settings<Traefik>('traefik.yaml').http
  expect(routers.app.middlewares).toEqual(['ask-as-gateway', 'ask', 'without-secrets'])
  const { address, authRequestHeaders, authResponseHeaders } = middlewares.ask.forwardAuth
  const before = Object.entries(middlewares['ask-as-gateway'].headers.customRequestHeaders).map(([name, value]) => [name.toLowerCase(), value] as const)
  const after = Object.entries(middlewares['without-secrets'].headers.customRequestHeaders).filter(([, value]) => value === '')
  expect(Object.fromEntries(before)).toMatchObject({ connection: '' })
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:4000\//)
  return {
    path: new URL(address).pathname,
    set: Object.fromEntries(before.filter(([name]) => lower(authRequestHeaders).includes(name))),
    copied: lower(authRequestHeaders),
    given: lower(authResponseHeaders),
    hidden: lower(after.map(([name]) => name)),
  }
}

interface Patterns {
  readonly patterns: readonly { readonly exact: string }[]
}
interface Filter {
  readonly name: string
  readonly typed_config: {
    readonly mutations?: { readonly request_mutations: readonly { readonly remove: string }[] }
    readonly failure_mode_allow?: boolean
    readonly allowed_headers?: Patterns
    readonly http_service?: {
      readonly path_override: string
      readonly path_prefix?: string
      readonly authorization_request: { readonly headers_to_add: readonly { readonly key: string; readonly value: string }[] }
      readonly authorization_response: { readonly allowed_upstream_headers: Patterns }
    }
  }
}
interface Manager {
  readonly http_filters: readonly Filter[]
  readonly route_config: { readonly virtual_hosts: readonly { readonly request_headers_to_remove: readonly string[] }[] }
}
interface Envoy {
  readonly static_resources: {
    readonly listeners: readonly { readonly filter_chains: readonly { readonly filters: readonly { readonly typed_config: Manager }[] }[] }[]
  }
}

function envoy(): Described {
  const manager = settings<Envoy>('envoy.yaml').static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config as Manager
  const [mutation, authorization, router] = manager.http_filters as [Filter, Filter, Filter]
  expect([mutation, authorization, router].map(({ name }) => name.replace('envoy.filters.http.', ''))).toEqual(['header_mutation', 'ext_authz', 'router'])
  const { http_service: service, allowed_headers: allowed, failure_mode_allow: letsPass } = authorization.typed_config
  const exact = (list?: Patterns): string[] => list?.patterns.map((pattern) => pattern.exact) ?? []
  expect([letsPass, service?.path_prefix]).toEqual([false, undefined])
  return {
    path: service?.path_override ?? '',
    set: Object.fromEntries(service?.authorization_request.headers_to_add.map(({ key, value }) => [key, value]) ?? []),
    // Envoy adds the first by itself.
    copied: ['authorization', ...exact(allowed)],
    given: exact(service?.authorization_response.allowed_upstream_headers),
    hidden: [
      ...(mutation.typed_config.mutations?.request_mutations.map(({ remove }) => remove) ?? []),
      ...(manager.route_config.virtual_hosts[0]?.request_headers_to_remove ?? []),
    ],
  }
}

test.each([
  ['traefik.yaml', traefik],
  ['envoy.yaml', envoy],
] as const)('%s asks what the server answers, whatever a client says, and gives the application nothing else', async (_, describe) => {
  const { path, set, copied, given, hidden } = describe()
  const question = (headers: Record<string, string>) =>
    ask(`${server.url}${path}`, { ...Object.fromEntries(Object.entries(headers).filter(([name]) => copied.includes(name))), ...set })
  const lies = { 'x-aura-instance': company.I2, 'x-aura-gateway-token': 'forged', 'x-aura-key-id': 'key_forged', 'cache-control': 'no-cache' }
  const other = await company.createKey('ownA', company.I2)
  for (const headers of [{ authorization: `Bearer ${key.plaintext}` }, { 'x-api-key': key.plaintext }]) {
    const answer = await question({ ...headers, ...lies } as Record<string, string>)
    expect(answer.status).toBe(200)
    expect([...given].sort()).toEqual(
      Object.keys(answer.headers)
        .filter((name) => name.startsWith('x-aura-'))
        .sort(),
    )
  }
  expect((await question({ 'x-api-key': other.plaintext, ...lies })).status).toBe(403)
  expect(copied).not.toContain('cache-control')
  expect(hidden).toEqual(expect.arrayContaining(['authorization', 'x-api-key', 'x-aura-instance', 'x-aura-gateway-token']))
})

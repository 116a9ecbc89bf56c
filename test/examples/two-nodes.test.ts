import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import {
  ApiKeyChangedDocument,
  type ApiKeyChangedSubscription,
  CreateApiKeyDocument,
  KeyCountsDocument,
  type KeyCountsSubscription,
} from '../generated/operations.ts'
import { createCompany } from '../support/company.ts'
import { startFront } from '../support/gateways.ts'
import { startServer } from '../support/server.ts'
import { overEvents, overWebSocket } from '../support/subscribe.ts'

test('behind nginx two nodes are one: requests, sockets and streams go through, and on when a node stops', async () => {
  const server = await startServer({ WS_MAX_SOCKETS_PER_MEMBER: '50' })
  const company = await createCompany(server)
  // On the embedded database there is one node only, and nginx knows it twice.
  const other = await server.node({ WS_MAX_SOCKETS_PER_MEMBER: '50' })
  const nodes = other.app === server.app ? [server] : [server, other]
  const [first, second] = [server, other].map(({ url }) => new URL(url).host) as [string, string]
  const nginx = await startFront('nginx', (port) =>
    readFileSync('examples/nginx.conf', 'utf8')
      .replace('127.0.0.1:4000', `127.0.0.1:${port}`)
      .replace('127.0.0.1:4001', first)
      .replace('127.0.0.1:4002', second),
  )
  const front = { ...server, url: nginx.url }
  try {
    expect((await fetch(`${front.url}/readyz`)).status).toBe(200)
    const authorization = `Bearer ${await server.token('ownA', 'a')}`
    const watch = () =>
      [overWebSocket, overEvents].map((open) => open<KeyCountsSubscription>(front, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization))
    const badges = [...watch(), ...watch()]
    const feed = overWebSocket<ApiKeyChangedSubscription>(front, ApiKeyChangedDocument.toString(), { instanceId: company.I1 }, authorization)
    for (const badge of badges) expect((await badge.next())?.data?.keyCounts.active).toBe(0)
    await vi.waitFor(() => expect(nodes.reduce((sum, { app }) => sum + app.ports.hub.size, 0)).toBe(5), 20_000)
    for (const { app } of nodes) expect(app.ports.hub.size).toBeGreaterThan(0)
    const create = async () => {
      const response = await fetch(`${front.url}/graphql`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ query: CreateApiKeyDocument.toString(), variables: { input: { instanceId: company.I1, name: 'fronted', expiresInDays: 1 } } }),
      })
      return ((await response.json()) as { data: { createApiKey: { apiKey: { id: string }; plaintext: string } } }).data.createApiKey
    }
    const made = await create()
    for (const badge of badges) expect((await badge.next())?.data?.keyCounts.active).toBe(1)
    expect((await feed.next())?.data?.apiKeyChanged.apiKey.id).toBe(made.apiKey.id)
    const verify = async () => {
      const response = await fetch(`${front.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: made.plaintext, instanceId: company.I1 }) })
      return ((await response.json()) as { code: string }).code
    }
    expect([await verify(), await verify(), await verify()]).toEqual(['VALID', 'VALID', 'VALID'])
    if (nodes.length > 1) {
      await other.close()
      for (let turn = 0; turn < 6; turn++) expect(await verify()).toBe('VALID')
      const again = overWebSocket<KeyCountsSubscription>(front, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization)
      expect((await again.next())?.data?.keyCounts.active).toBe(1)
      await again.end()
    }
    await Promise.all([...badges, feed].map((stream) => stream.end()))
  } finally {
    await nginx.stop()
    for (const node of nodes.reverse()) await node.close()
  }
})

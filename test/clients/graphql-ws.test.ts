import { createClient } from 'graphql-ws'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { companyOfFile } from '../support/file-server.ts'

const maxSockets = 3
const slow = { timeout: 40_000 }
const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: String(maxSockets) })
const authorization = `Bearer ${await server.token('ownA', 'a')}`

/** A subscriber with the client's defaults: its attempts, what it retries and how long it waits. */
function watch() {
  const seen = { answers: 0, closes: [] as number[], error: null as unknown }
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    on: { closed: (event) => void seen.closes.push((event as { code: number }).code) },
  })
  client.subscribe(
    { query: 'subscription ($id: ID!) { keyCounts(instanceId: $id) { active } }', variables: { id: company.I1 } },
    { next: () => void seen.answers++, error: (error) => (seen.error = error), complete: () => undefined },
  )
  return { seen, leave: () => client.dispose() }
}

test('a socket beyond the limit of a member is tried again by the client itself, and gets in once another closes', async () => {
  const first = Array.from({ length: maxSockets }, watch)
  for (const { seen } of first) await vi.waitFor(() => expect(seen.answers).toBe(1), slow)
  const late = watch()
  await vi.waitFor(() => expect(late.seen.closes).toContain(1013), slow)
  expect(late.seen).toMatchObject({ answers: 0, error: null })
  await first[0]?.leave()
  await vi.waitFor(() => expect(late.seen.answers).toBe(1), slow)
  expect(late.seen.error).toBeNull()
  for (const { leave } of [...first, late]) await leave()
})

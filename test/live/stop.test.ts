import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { KeyCountsDocument } from '../generated/operations.ts'
import { as, createCompany } from '../support/company.ts'
import { codesOf, startServer, waitingForLocks } from '../support/server.ts'

test('a server that stops finishes requests, closes sockets with 1001 and ends streams so that they come back, in ten seconds', async () => {
  const server = await startServer()
  const company = await createCompany(server)
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const url = `${server.url.replace('http', 'ws')}/graphql`
  const payload = { query: KeyCountsDocument.toString(), variables: { instanceId: company.I1 } }

  const socket = new WebSocket(url, ['graphql-transport-ws'])
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } })))
  await new Promise((resolve) => socket.once('message', resolve))
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))

  const stream = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization },
    body: JSON.stringify(payload),
  })
  let text = ''
  const streamed = (async () => {
    for await (const part of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) text += part
  })()

  // Upgrades and then never says a word, nor answers a goodbye.
  const deaf = connect(Number(new URL(server.url).port), '127.0.0.1')
  const upgraded = new Promise((resolve) => deaf.once('data', resolve))
  deaf.write(
    'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  deaf.on('error', () => undefined)
  await upgraded
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(2), 20_000)
  await vi.waitFor(() => expect(text).toContain('event: next'), 20_000)

  // A request that is under way when the server begins to stop, since somebody holds the organization.
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const onPostgres = process.env['TEST_STORE'] === 'postgresql'
  let isLocked: () => void = () => undefined
  const locked = new Promise<void>((resolve) => {
    isLocked = resolve
  })
  const holding = server.app.database.client.$transaction(async (statements) => {
    await statements.$executeRawUnsafe(`SELECT 1 FROM organization WHERE id = '${company.members.ownA.organizationId}' FOR UPDATE`)
    isLocked()
    await held
  })
  await locked
  const input = { instanceId: company.I1, name: 'under way', expiresInDays: 1 }
  const answer = server.post(
    { query: 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }', variables: { input } },
    as('ownA'),
  )
  // On PostgreSQL it waits for the lock, on the embedded database for its turn.
  if (onPostgres) await vi.waitFor(async () => expect(await server.sql(waitingForLocks)).not.toEqual([]), 20_000)
  else await new Promise((resolve) => setTimeout(resolve, 1_000))

  const began = performance.now()
  const stopping = server.close()
  setTimeout(release, 500)
  expect(codesOf(await (await answer).json())).toEqual([])
  await holding
  expect(await closed).toBe(1001)
  await streamed
  expect(text).not.toContain('event: complete')
  await stopping
  expect(performance.now() - began).toBeLessThan(10_000)
  await expect(fetch(`${server.url}/readyz`)).rejects.toThrow()
  deaf.destroy()
}, 40_000)

import { expect, test, vi } from 'vitest'
import { KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { overEvents, overWebSocket } from '../support/subscribe.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

const { server, company } = await companyOfFile()

/** The metrics of this server, by name and labels. */
async function metrics(): Promise<Record<string, number>> {
  const response = await fetch(`${server.url}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain')
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('aura_keys_'))
  return Object.fromEntries(lines.map((line) => line.split(' ') as [string, string]).map(([name, value]) => [name, Number(value)]))
}

test('what is open, shared, delivered and closed is counted', async () => {
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const open = (subscribe: typeof overWebSocket) =>
    subscribe<KeyCountsSubscription>(server, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization)
  const streams = [open(overWebSocket), open(overWebSocket), open(overEvents)]
  for (const stream of streams) await stream.next()
  expect(await metrics()).toMatchObject({
    aura_keys_sockets: 2,
    aura_keys_event_streams: 1,
    aura_keys_subscriptions: 3,
    aura_keys_subscription_groups: 1,
    aura_keys_deliveries_total: 3,
    aura_keys_conflations_total: 0,
    // Nothing changed yet: how old the numbers are that newcomers get says nothing.
    aura_keys_delivery_lag_seconds_count: 0,
    aura_keys_listening: onPostgres ? 1 : -1,
  })
  await company.createKey('ownA', company.I1)
  for (const stream of streams) await stream.next()
  expect(await metrics()).toMatchObject({ aura_keys_deliveries_total: 6, aura_keys_delivery_lag_seconds_count: 1 })
  await Promise.all(streams.map((stream) => stream.end()))
  await vi.waitFor(
    async () =>
      expect(await metrics()).toMatchObject({
        aura_keys_sockets: 0,
        aura_keys_event_streams: 0,
        aura_keys_subscriptions: 0,
        aura_keys_subscription_groups: 0,
        'aura_keys_closes_total{reason="1000"}': 2,
        'aura_keys_closes_total{reason="stream_gone"}': 1,
      }),
    20_000,
  )
})

test('EV-06 hints that are none are counted', async () => {
  if (!onPostgres) {
    expect(await metrics()).toMatchObject({ aura_keys_hints_dropped_total: 0 })
    return
  }
  await server.sql('SELECT pg_notify($1, $2)::text', 'aura_keys', '{"__proto__":1}')
  await vi.waitFor(async () => expect(await metrics()).toMatchObject({ aura_keys_hints_dropped_total: 1 }), 20_000)
})

test('health and readiness say what is wrong', async () => {
  const health = async (path: string) => {
    const response = await fetch(`${server.url}${path}`)
    return [response.status, await response.json()]
  }
  expect(await health('/healthz')).toEqual([200, { status: 'ok' }])
  expect(await health('/readyz')).toEqual([200, { status: 'ready' }])
  if (!onPostgres) return
  // Without the right to connect the listener cannot come back; connections that are there go on.

  await server.sql('UPDATE pg_database SET datallowconn = false WHERE datname = current_database() RETURNING 1')
  await server.sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%')",
  )
  const warnings = ['the connection that listens for changes of other nodes is gone: they are seen by polling']
  await vi.waitFor(async () => expect(await health('/healthz')).toEqual([200, { status: 'ok', warnings }]), 20_000)
  expect(await health('/readyz')).toEqual([200, { status: 'ready', warnings }])
  expect((await metrics())['aura_keys_listening']).toBe(0)
  await server.sql('UPDATE pg_database SET datallowconn = true WHERE datname = current_database() RETURNING 1')
  await vi.waitFor(async () => expect(await health('/healthz')).toEqual([200, { status: 'ok' }]), { timeout: 10_000 })
})

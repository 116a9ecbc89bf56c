import { type Client, createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as, createCompany } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { holdDatabase } from '../support/hold.ts'
import { codesOf, type GraphQLAnswer, requestStatements, startServer, type TestServer } from '../support/server.ts'
import { overEvents } from '../support/subscribe.ts'
import { everyTransport, type Sent } from '../support/transports.ts'

// Shorter than a statement waits for a lock, so that the deadline is what ends it.
const first = await companyOfFile({ OPERATION_TIMEOUT_MS: '1200', WS_MAX_SOCKETS_PER_MEMBER: '1000' })
const { server } = first
let { company } = first

/** A socket of a member that is open before the database is held, and how an operation goes through it. */
async function openSocket(at: TestServer): Promise<Client> {
  const client = createClient({
    url: `${at.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${await at.token('ownA', 'a')}` },
    retryAttempts: 0,
    lazy: false,
  })
  await new Promise((resolve) => client.on('connected', resolve))
  return client
}
const through = (client: Client, { query, variables }: Sent): Promise<GraphQLAnswer<unknown>> =>
  new Promise((resolve) => {
    const error = (errors: unknown): void => resolve({ errors: errors as NonNullable<GraphQLAnswer<unknown>['errors']> })
    client.subscribe(
      { query, variables: variables as Record<string, unknown> },
      { next: (answer) => resolve(answer as GraphQLAnswer<unknown>), error, complete: () => undefined },
    )
  })

const create = (name: string) => ({ query: CreateApiKeyDocument.toString(), variables: { input: { instanceId: company.I1, name, expiresInDays: 1 } } })
const named = (name: string): Promise<object[]> => server.sql('SELECT id FROM api_key WHERE name = $1', name)

/** Statements that wait for a lock in the database. */
const waiting = async (): Promise<number> =>
  server.app.database.kind === 'pglite'
    ? 0
    : (await server.sql('SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())')).length

for (const [transport, sendAnew] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    let client: Client | null = null
    beforeAll(async () => {
      if (transport === 'WebSocket') client = await openSocket(server)
    })
    afterAll(() => client?.dispose())
    const send: typeof sendAnew = (at, sent, who) => (client ? through(client, sent) : sendAnew(at, sent, who))

    test('an operation past its deadline is UNAVAILABLE, and nothing of it is sent or runs any more', async () => {
      const release = await holdDatabase(server)
      try {
        server.statements.length = 0
        const answer = await send(server, { query: '{ apps { id } a: apps { name } b: apps { slug } }' }, as('ownA'))
        expect(codesOf(answer)).toContain('UNAVAILABLE')
        expect(answer.errors?.[0]?.message).toContain('OPERATION_TIMEOUT_MS')
        await vi.waitFor(async () => expect(await waiting()).toBe(0), 20_000)
      } finally {
        await release()
      }
      // Another one is served, and what was dropped is not sent before it.
      expect(codesOf(await send(server, { query: '{ viewer { can { createApp } } }' }, as('ownA')))).toEqual([])
      expect(requestStatements(server).filter((sql) => /FROM ("public"\."app"|app t0)/.test(sql))).toEqual([])
    })

    test('a change past its deadline is undone as long as COMMIT was not sent', async () => {
      const release = await holdDatabase(server)
      try {
        expect(codesOf(await send(server, create(`late ${transport}`), as('ownA')))).toContain('UNAVAILABLE')
      } finally {
        await release()
      }
      expect(codesOf(await send(server, create(`on time ${transport}`), as('ownA')))).toEqual([])
      expect(await named(`late ${transport}`)).toEqual([])
      expect(await named(`on time ${transport}`)).toHaveLength(1)
    })
  })
}

describe('a COMMIT is never stopped', () => {
  beforeAll(async () => {
    // A trigger that runs at COMMIT, for longer than an operation may take.
    await server.sql(`CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE until timestamptz := clock_timestamp() + interval '2 seconds';
      BEGIN WHILE clock_timestamp() < until LOOP PERFORM 1; END LOOP; RETURN NULL; END $$`)
    await server.sql(`CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON api_key DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
      WHEN (NEW.name LIKE 'slow%') EXECUTE FUNCTION slow_commit()`)
  })

  for (const [transport, send] of Object.entries(everyTransport)) {
    test(`past the deadline the answer comes whole over ${transport}: the plaintext is shown only once`, async () => {
      const answer = (await send(server, create(`slow ${transport}`), as('ownA'))) as GraphQLAnswer<{
        createApiKey: { plaintext: string; apiKey: { name: string } }
      }>
      expect(codesOf(answer)).toEqual([])
      expect(answer.data?.createApiKey.apiKey.name).toBe(`slow ${transport}`)
      expect(await server.verify(answer.data?.createApiKey.plaintext ?? '', company.I1)).toMatchObject({ valid: true })
    })
  }

  test('of several changes in one operation those after the deadline are refused, and what was committed is answered', async () => {
    const input = (name: string): string => `createApiKey(input: { instanceId: "${company.I1}", name: "${name}", expiresInDays: 1 }) { plaintext }`
    const response = await server.post({ query: `mutation { a: ${input('slow first')} b: ${input('second')} }` }, as('ownA'))
    const answer = (await response.json()) as GraphQLAnswer<{ a: { plaintext: string } | null; b: unknown }>
    expect(answer.data?.a?.plaintext).toMatch(/^aura_/)
    expect(answer.data?.b).toBeNull()
    expect(answer.errors).toMatchObject([{ path: ['b'], extensions: { code: 'UNAVAILABLE' } }])
    expect(await named('second')).toEqual([])
  })
})

describe('an operation whose client is gone', () => {
  let patient: TestServer
  let client: Client
  beforeAll(async () => {
    patient = await startServer({ OPERATION_TIMEOUT_MS: '600000' })
    company = await createCompany(patient)
  })
  afterAll(() => patient.close())

  const running = async (): Promise<number> => Number(/^aura_keys_operations_running (\d+)$/m.exec(await (await fetch(`${patient.url}/metrics`)).text())?.[1])

  /** Sends it, and answers how to hang up. */
  const begin: Readonly<Record<string, (name: string) => Promise<() => Promise<void>>>> = {
    HTTP: async (name) => {
      const leaving = new AbortController()
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${await patient.token('ownA', 'a')}` }
      const asked = fetch(`${patient.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(create(name)), signal: leaving.signal })
      asked.catch(() => undefined)
      return async () => leaving.abort()
    },
    WebSocket: async (name) => {
      void through(client, create(name))
      return async () => client.terminate()
    },
    SSE: async (name) => {
      const { query, variables } = create(name)
      return overEvents(patient, query, variables, `Bearer ${await patient.token('ownA', 'a')}`).end
    },
  }

  for (const [transport, send] of Object.entries(begin)) {
    test(`gives up its place and is not made over ${transport}`, async () => {
      client = await openSocket(patient)
      const release = await holdDatabase(patient)
      try {
        const leave = await send(`gone ${transport}`)
        await vi.waitFor(async () => expect(await running()).toBe(1), 10_000)
        await leave()
        await vi.waitFor(async () => expect(await running()).toBe(0), 10_000)
        // The database did not end it by the time that it waits for a lock.
        expect(patient.log.map(({ message }) => message)).not.toContain('the database is out of reach')
      } finally {
        await release()
      }
      await client.dispose()
      expect(await patient.sql('SELECT id FROM api_key WHERE name = $1', `gone ${transport}`)).toEqual([])
    })
  }
})

import { parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builder } from '../../src/graphql/builder.ts'
import '../../src/api/schema.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { misfits } from '../support/answer-shape.ts'
import { as, type Company, createCompany, type Person, people } from '../support/company.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  // The clock stands still, so a limit of a minute would hold to the end: for a member who was removed by chance, say.
  server = await startServer({
    FAILED_CREDENTIALS_PER_MINUTE: '1000000',
    KEY_CREATIONS_PER_MINUTE: '1000000',
    SECRET_REVEALS_PER_MINUTE: '1000000',
    SECRET_NAME_CONFLICTS_PER_MINUTE: '1000000',
  })
  company = await createCompany(server)
})
afterAll(() => server.close())

const schema = builder.toSchema()
const codes = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'BAD_USER_INPUT', 'QUERY_REJECTED']
/** More for a night: `ANY_OPERATIONS=10000`, and `ANY_SEED` to run a failure again. */
const operations = Number(process.env['ANY_OPERATIONS'] ?? 1_000)
const seed = Number(process.env['ANY_SEED'] ?? newSeed())
const slowMs = 1_000
/** What any plaintext looks like, also that of a key whose creation did not show it. */
const anyPlaintext = /aura_[0-9a-z]{26}_[0-9A-Za-z]{49}/g

interface Answer {
  data?: { createApiKey?: { plaintext?: string | null } | null; revealSecret?: { value?: string } | null } | null
  errors?: { path?: (string | number)[]; extensions: { code: string } }[]
}

test(
  `BI-08 whatever valid operation anybody sends, nothing fails inside, no plaintext comes back and the answer fits the schema (seed ${seed})`,
  async ({ annotate }) => {
    const random = seededRandom(seed)
    const first = await company.createKey('devA', company.I1)
    /** The secret part of every plaintext that was ever shown: no later answer may hold it, but that of revealing it. */
    const canaries = [first.plaintext.slice(-49)]
    const { members, I1, I2, J1, appId } = company
    const fixed = [first.id, I1, I2, J1, appId, members.devA.memberId, members.ownA.organizationId, 'key_nothing', '', '\0']
    // What operations make is what later ones ask for.
    let made: string[] = []
    const write = createOperationWriter(schema, random, () => (random() < 0.5 && made.length > 0 ? made : fixed))
    const { secretId } = await createApiKey(server.app.ports, members.ownB, { instanceId: J1, name: 'kept', expiresInDays: 1, saveAsSecret: { name: 'kept' } })
    const certainly: [query: string, by: Person][] = [
      [
        `mutation { createApiKey(input: { instanceId: "${J1}", name: "n", expiresInDays: 1 }) { plaintext saveToken apiKey { id hint } secret { id } } }`,
        'ownB',
      ],
      [`mutation { revealSecret(input: { id: "${secretId}" }) { value secret { id name } } }`, 'ownB'],
    ]
    const answered = { data: 0, refused: 0, nobody: 0, shown: 0 }
    const slow: string[] = []
    const senders = [...people, null]
    for (let sent = 0; sent < operations; sent++) {
      const kind = random() < 0.7 ? 'query' : 'mutation'
      // Chance alone shows few plaintexts.
      const certain = certainly[sent % 25]
      const query = certain?.[0] ?? write(kind)
      const person = certain ? certain[1] : (senders[sent % senders.length] ?? null)
      const what = `${query} as ${person}`
      const document = parse(query)
      expect(validate(schema, document), query).toEqual([])
      const started = performance.now()
      const response = await server.post({ query }, person === null ? null : as(person))
      const text = await response.text()
      const tookMs = performance.now() - started
      if (tookMs > slowMs) slow.push(`${Math.round(tookMs)} ms: ${what}`)
      const answer = JSON.parse(text) as Answer
      for (const error of answer.errors ?? []) expect(codes, `${what}: ${text}`).toContain(error.extensions.code)
      expect(misfits(schema, document, answer), `${what}: ${text}`).toEqual([])
      const shown = answer.data?.createApiKey?.plaintext ?? answer.data?.revealSecret?.value ?? null
      expect(text.match(anyPlaintext) ?? [], what).toEqual(shown === null ? [] : [shown])
      for (const canary of canaries) if (!shown?.endsWith(canary)) expect(text, what).not.toContain(canary)
      if (answer.data?.createApiKey?.plaintext) canaries.push(answer.data.createApiKey.plaintext.slice(-49))
      made = [...new Set([...made, ...(text.match(/\b(?:key|ins|app|mem|sec|evt)_[0-9a-z]{26}\b/g) ?? [])])].slice(-40)
      answered[answer.errors ? 'refused' : 'data']++
      if (shown !== null) answered.shown++
      if (person !== null) continue
      // Refused for what it asks or for who asks: nobody ever gets a value.
      expect(
        Object.values(answer.data ?? {}).filter((value) => value !== null),
        what,
      ).toEqual([])
      answered.nobody++
    }
    expect(server.log.filter((entry) => entry.level === 'error')).toEqual([])
    for (const canary of canaries) expect(JSON.stringify(server.log)).not.toContain(canary)
    for (const each of slow) await annotate(`slow: ${each}`)
    expect(answered.data).toBeGreaterThan(operations / 10)
    expect(answered.refused).toBeGreaterThan(operations / 10)
    expect(answered.nobody).toBeGreaterThan(operations / 12)
    expect(answered.shown).toBeGreaterThan(1)
  },
  60_000 + operations * 100,
)

test('BI-08 an answer that does not fit is noticed', () => {
  const fits = (query: string, answer: object) => misfits(schema, parse(query), answer)
  const key = '{ apiKey(id: "x") { id name status createdAt app { id } } }'
  const good = { id: 'key_x', name: 'n', status: 'ACTIVE', createdAt: '2026-01-01T00:00:00.000Z', app: { id: 'app_x' } }
  expect(fits(key, { data: { apiKey: good } })).toEqual([])
  expect(fits(key, { data: { apiKey: null } })).toEqual([])
  for (const wrong of [{ name: null }, { status: 'GONE' }, { createdAt: 'today' }, { app: null }, { app: {} }, { id: 1 }, { extra: 1 }, { name: undefined }]) {
    expect(fits(key, { data: { apiKey: { ...good, ...wrong } } }), JSON.stringify(wrong)).toHaveLength(1)
  }
  expect(fits(key, {})).toHaveLength(1)
  expect(fits(key, { data: { apiKey: good }, errors: [{ path: ['apiKey', 'name'] }] })).toHaveLength(1)
  expect(fits(key, { data: { apiKey: null }, errors: [{ path: ['apiKey', 'name'] }] })).toEqual([])
  expect(fits('{ apps { id } }', { data: { apps: [{ id: 'a' }, null] } })).toHaveLength(1)
  expect(fits('{ apps { id } }', { data: { apps: { id: 'a' } } })).toHaveLength(1)
  expect(fits('{ node(id: "x") { __typename id } }', { data: { node: { __typename: 'KeyCounts', id: 'x' } } })).not.toEqual([])
})

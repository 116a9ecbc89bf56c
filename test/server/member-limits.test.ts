import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refusalsOf } from '../access/rows.ts'
import { CreateApiKeyDocument, RevealSecretDocument, SaveApiKeyAsSecretDocument, ViewerDocument } from '../generated/operations.ts'
import { as, type Company, createCompany, type Person } from '../support/company.ts'
import { codesOf, dataOf, type GraphQLAnswer, startServer, type TestServer } from '../support/server.ts'
import { everyTransport, type Sent } from '../support/transports.ts'

const creations = 12
const reveals = 3
const conflicts = 4

let server: TestServer
let company: Company
let secretId: string

beforeAll(async () => {
  server = await startServer({
    KEY_CREATIONS_PER_MINUTE: String(creations),
    SECRET_REVEALS_PER_MINUTE: String(reveals),
    SECRET_NAME_CONFLICTS_PER_MINUTE: String(conflicts),
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
  })
  company = await createCompany(server)
  const made = dataOf(await server.graphql(CreateApiKeyDocument, { input: { ...input(), saveAsSecret: { name: 'taken' } } }, as('ownA')))
  secretId = made.createApiKey?.secret?.id ?? ''
})
afterAll(() => server.close())
// Each test has a minute of its own.
beforeEach(() => {
  server.time.now = new Date(server.time.now.getTime() + 60_000)
  server.log.length = 0
})

const input = () => ({ instanceId: company.I1, name: 'ci', expiresInDays: 1 })
const create = (more: object = {}): Sent => ({ query: CreateApiKeyDocument.toString(), variables: { input: { ...input(), ...more } } })
const reveal = (): Sent => ({ query: RevealSecretDocument.toString(), variables: { input: { id: secretId } } })
const save = (saveToken: string, name: string): Sent => ({ query: SaveApiKeyAsSecretDocument.toString(), variables: { input: { saveToken, name } } })
const rows = () => server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM secret) AS secrets, (SELECT count(*) FROM event) AS events')
const locks = () => server.statements.filter((sql) => sql.includes('FOR NO KEY UPDATE')).length

async function counted(limit: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^aura_keys_rate_limited_total\\{limit="${limit}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** One name that a secret out of sight has, one that no secret has, and what each is answered by. */
let names = 0
const free = (): string => `free_${++names}`

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    const codes = async (sent: Sent, person: Person) => codesOf(await send(server, sent, as(person)))

    test.each([
      ['key_creations', creations, create],
      ['secret_reveals', reveals, reveal],
    ] as const)(
      '%s beyond the limit are refused to the member before anything is locked or written, to nobody else, and for a minute',
      async (limit, most, sent) => {
        const before = await counted(limit)
        for (let number = 0; number < most; number++) expect(await codes(sent(), 'ownA')).toEqual([])
        const written = await rows()
        const locked = locks()
        for (let more = 0; more < 2; more++) expect(await codes(sent(), 'ownA')).toEqual(['RATE_LIMITED'])
        expect([await rows(), locks()]).toEqual([written, locked])
        expect(await counted(limit)).toBe(before + 2)
        const { memberId, organizationId } = company.members.ownA
        expect(refusalsOf(server)).toMatchObject(Array(2).fill({ code: 'RATE_LIMITED', memberId, organizationId }))
        if (limit === 'key_creations') expect(await codes(sent(), 'devA')).toEqual([])
        server.time.now = new Date(server.time.now.getTime() + 60_000)
        expect(await codes(sent(), 'ownA')).toEqual([])
      },
    )

    test('names of secrets out of sight cannot be probed: conflicts are few, told with the member, and then no save says whether a name is taken', async () => {
      const before = await counted('secret_name_conflicts')
      const { saveToken } = dataOf((await send(server, create(), as('devA'))) as GraphQLAnswer<{ createApiKey: { saveToken: string } }>).createApiKey
      const probes = (name: string): Sent[] => [create({ saveAsSecret: { name } }), save(saveToken, name)]
      // Both ways use up one number.
      for (let tried = 0; tried < conflicts; tried++) expect(await codes(probes('taken')[tried % 2] as Sent, 'devA')).toEqual(['CONFLICT'])
      expect(await codes(create(), 'devA')).toEqual([])
      const written = await rows()
      const locked = locks()
      for (const name of ['taken', free()]) for (const probe of probes(name)) expect(await codes(probe, 'devA')).toEqual(['RATE_LIMITED'])
      expect([await rows(), locks()]).toEqual([written, locked])
      expect(await counted('secret_name_conflicts')).toBe(before + 4)
      const told = refusalsOf(server).filter(({ code }) => code === 'CONFLICT')
      const { memberId, organizationId } = company.members.devA
      expect(told.map(({ field, requestId: _, ...who }) => [field, who])).toEqual(
        Array.from({ length: conflicts }, (_, tried) => [tried % 2 === 0 ? 'saveAsSecret.name' : 'name', { code: 'CONFLICT', memberId, organizationId }]),
      )
      // Others save, and so does the member in the next minute.
      expect(await codes(create({ saveAsSecret: { name: free() } }), 'dev2A')).toEqual([])
      server.time.now = new Date(server.time.now.getTime() + 60_000)
      expect(await codes(save(saveToken, free()), 'devA')).toEqual([])
    })
  })
}

test('names that are probed all at once are no more than those that are probed one by one', async () => {
  const probes = Array.from({ length: creations }, (_, number) => create({ saveAsSecret: { name: number % 2 === 0 ? 'taken' : 'TAKEN_TOO' } }))
  await everyTransport.HTTP(server, create({ saveAsSecret: { name: 'TAKEN_TOO' } }), as('ownA'))
  const answers = await Promise.all(probes.map(async (sent) => codesOf(await everyTransport.HTTP(server, sent, as('dev2A')))[0]))
  expect(answers.filter((code) => code === 'CONFLICT')).toHaveLength(conflicts)
  expect(answers.filter((code) => code === 'RATE_LIMITED')).toHaveLength(creations - conflicts)
})

test('what is refused alone is 429 with the time to wait; beside what was done it is 200, so that nobody repeats that', async () => {
  for (let number = 0; number < creations - 1; number++) await server.post(create(), as('devA'))
  const one = `createApiKey(input: { instanceId: "${company.I1}", name: "x", expiresInDays: 1 }) { plaintext }`
  const partly = await server.post({ query: `mutation { a: ${one} b: ${one} }` }, as('devA'))
  expect([partly.status, await partly.json()]).toMatchObject([
    200,
    { data: { a: { plaintext: expect.stringMatching(/^aura_/) }, b: null }, errors: [{ path: ['b'], extensions: { code: 'RATE_LIMITED' } }] },
  ])
  server.time.now = new Date(server.time.now.getTime() + 12_000)
  const alone = await server.post({ query: `mutation { a: ${one} }` }, as('devA'))
  expect([alone.status, alone.headers.get('retry-after'), await alone.json()]).toEqual([
    429,
    '48',
    { data: { a: null }, errors: [expect.objectContaining({ extensions: { code: 'RATE_LIMITED', retryAfterMs: 48_000 } })] },
  ])
})

describe('with the defaults', () => {
  let usual: TestServer
  let at: Company
  beforeAll(async () => {
    usual = await startServer()
    at = await createCompany(usual)
  })
  afterAll(() => usual.close())

  for (const [transport, send] of Object.entries(everyTransport)) {
    test(`a page that sends ten queries at once meets no limit over ${transport}, with a token that ended neither`, async () => {
      const page = async (who: Parameters<typeof send>[2]) =>
        (await Promise.all(Array.from({ length: 10 }, () => send(usual, { query: ViewerDocument.toString() }, who)))).flatMap(codesOf)
      expect(await page(as('devA'))).toEqual([])
      const ended = await usual.token('devA', 'a', new Date(usual.time.now.getTime() - 60_000))
      expect(await page({ authorization: `Bearer ${ended}` })).toEqual(Array(10).fill('UNAUTHENTICATED'))
    })
  }

  test('a CI that creates fifty keys in a row, saves and reveals each, meets no limit', async () => {
    for (let number = 0; number < 50; number++) {
      const saveAsSecret = { name: `ci_${number}` }
      const made = await usual.graphql(CreateApiKeyDocument, { input: { instanceId: at.I1, name: 'ci', expiresInDays: 1, saveAsSecret } }, as('devA'))
      const id = dataOf(made).createApiKey?.secret?.id ?? ''
      expect(dataOf(await usual.graphql(RevealSecretDocument, { input: { id } }, as('devA'))).revealSecret?.value).toMatch(/^aura_/)
    }
  })
})

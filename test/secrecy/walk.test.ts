import { isObjectType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pepperOf } from '../../src/crypto/digest.ts'
import { formatKey, keyPattern } from '../../src/crypto/key-format.ts'
import { operations } from '../access/cells.ts'
import { createSubjects } from '../access/subjects.ts'
import { cellsOf, roles, schema, table } from '../access/table.ts'
import { type Company, createCompany, type Person } from '../support/company.ts'
import { requestStatements, startServer, type TestServer } from '../support/server.ts'
import { overEvents } from '../support/subscribe.ts'
import { widen } from '../support/widen.ts'
import { type Hidden, hits } from './search.ts'

const [pepper, kek] = [Buffer.alloc(32, 0x71), Buffer.alloc(32, 0x72)]
let server: TestServer
let company: Company
/** Of every key that was made: its random part, as text and as bytes. */
const made: Hidden[] = []

beforeAll(async () => {
  server = await startServer({ KEY_PEPPER: pepper.toString('base64'), SECRETS_KEK: kek.toString('base64'), WS_MAX_SOCKETS_PER_MEMBER: '1000' })
  const { ports } = server.app
  const { randomBytes } = ports
  Object.assign(ports, {
    randomBytes: (size: number) => {
      const bytes = randomBytes(size)
      made.push(bytes, keyPattern.exec(formatKey('key_01h455vb4pex5vsknk084sn02q', bytes).expose())?.[2] ?? '')
      return bytes
    },
  })
  company = await createCompany(server)
})
afterAll(() => server.close())

const bearer = async (person: Person | null): Promise<string | null> =>
  person === null ? null : `Bearer ${await server.token(person, person.endsWith('A') ? 'a' : 'b')}`

interface Shown {
  plaintext?: string | null
  value?: string | null
}

test('KS-01 asked for every field of every operation, as every role, the plaintext is in the answers that may show it, a digest or a pepper in none, and nothing sealed or digested is read', {
  timeout: 300_000,
}, async () => {
  const create = await createSubjects(server, company)
  const kept = new Map<string, ReturnType<typeof create>>()
  // What is only read can be the same each time.
  const subjects = (field: string, name: string, person: Person | null): ReturnType<typeof create> => {
    if (field.startsWith('Mutation.')) return create(name, person)
    const subject = kept.get(`${name} ${person}`) ?? create(name, person)
    kept.set(`${name} ${person}`, subject)
    return subject
  }
  const seen = new Map<string, Set<string>>()
  const answers: string[] = []
  /** Statements of reads that fetch what no answer may hold. */
  const overread: string[] = []
  let reads = 0
  const shown = { plaintext: 0, value: 0 }
  for (const field of Object.keys(table)) {
    // One case for each role and outcome: the others show the same fields of other rows, and making these is what takes the time.
    const cells = new Map(cellsOf(field).map((cell) => [`${cell.role} ${cell.expected}`, cell]))
    for (const { name, role, person, expected } of cells.values()) {
      const { query, variables } = operations[field]?.(await subjects(field, name, person), company) ?? { query: '', variables: {} }
      const fields = seen.get(role) ?? new Set<string>()
      seen.set(role, fields)
      const wide = widen(schema, query, fields)
      const authorization = await bearer(person)
      const noteReads = (): void => {
        if (field.startsWith('Mutation.')) return
        const sent = requestStatements(server)
        reads += sent.length
        overread.push(...sent.filter((sql) => /\b(sealed|digest|kek_id|pepper_id)\b/.test(sql)).map((sql) => `${field}: ${sql}`))
      }
      server.statements.length = 0
      if (field.startsWith('Subscription.')) {
        if (expected === 'silent') continue
        const stream = overEvents(server, wide, variables, authorization)
        answers.push(JSON.stringify(await stream.next()))
        await stream.end()
        noteReads()
        continue
      }
      const response = await server.post({ query: wide, variables }, authorization === null ? null : { authorization })
      const answer = (await response.json()) as { data?: { createApiKey?: Shown | null; revealSecret?: Shown | null } | null }
      noteReads()
      // The two places where a plaintext may stand, and nothing but one.
      for (const [place, of] of [
        ['plaintext', answer.data?.createApiKey],
        ['value', answer.data?.revealSecret],
      ] as const) {
        const text = of?.[place]
        if (!of || text == null) continue
        expect(text).toMatch(keyPattern)
        expect(hits(text, made).length).toBe(1)
        shown[place]++
        of[place] = null
      }
      answers.push(JSON.stringify(answer))
    }
  }
  expect(reads).toBeGreaterThan(300)
  expect(overread).toEqual([])
  const all = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__') ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
  )
  expect(all.length).toBeGreaterThan(150)
  for (const role of roles) expect([role, all.filter((field) => !seen.get(role)?.has(field))]).toEqual([role, []])
  expect(shown.plaintext).toBeGreaterThanOrEqual(4)
  expect(shown.value).toBeGreaterThanOrEqual(1)
  answers.push(...(await history()))

  const digests = await server.sql<{ digest: Uint8Array }>('SELECT digest FROM key_digest')
  expect(digests.length).toBeGreaterThan(100)
  expect(made.length).toBeGreaterThanOrEqual(2 * digests.length)
  const hidden = [...made, ...digests.map(({ digest }) => digest), pepper, pepperOf(pepper).bytes, kek]
  expect(answers.length).toBeGreaterThan(300)
  expect(answers.filter((answer) => hits(answer, hidden).length > 0)).toEqual([])
})

interface Page {
  edges: object[]
  pageInfo: { hasNextPage: boolean; endCursor: string }
}

/** The whole audit log page by page, and the whole feed of events, each with every field. */
async function history(): Promise<string[]> {
  const answers: string[] = []
  const authorization = await bearer('ownA')
  const page = widen(schema, 'query ($after: String) { auditLog(first: 100, after: $after) { totalCount } }', new Set())
  let entries = 0
  for (let after: string | null = null; ; ) {
    const text: string = await (await server.post({ query: page, variables: { after } }, { authorization: authorization ?? '' })).text()
    answers.push(text)
    const { auditLog } = (JSON.parse(text) as { data: { auditLog: Page } }).data
    entries += auditLog.edges.length
    if (!auditLog.pageInfo.hasNextPage) break
    after = auditLog.pageInfo.endCursor
  }
  const [organization] = await server.sql<{ version: bigint }>('SELECT version FROM organization WHERE id = $1', company.members.ownA.organizationId)
  expect(entries).toBe(Number(organization?.version))
  const stream = overEvents<{ events: { version: number } }>(server, widen(schema, 'subscription { events(after: 0) { id } }', new Set()), {}, authorization)
  for (let version = 0; version < entries; version++) {
    const answer = await stream.next()
    expect(answer?.errors).toBeUndefined()
    answers.push(JSON.stringify(answer))
  }
  await stream.end()
  return answers
}

import { parse, validate } from 'graphql'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/api/schema.ts'
import { maxRows, maxStatements, priceOf } from '../../src/graphql/price.ts'
import { addMember } from '../../src/members/add-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import * as operations from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'
import { codesOf, type GraphQLAnswer, requestStatements } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

// A price is that of an execution: whoever finds a kept answer that holds no more has read its sender once more.
const { server, company } = await companyOfFile({ WS_MAX_MESSAGES_PER_MINUTE: '100000', WS_MAX_SOCKETS_PER_MEMBER: '1000', KEPT_ANSWERS_BYTES: '0' })
let keyIds: string[]

beforeAll(async () => {
  keyIds = []
  for (let index = 0; index < 12; index++) keyIds.push((await company.createKey('devA', company.I1, `key ${index}`)).id)
  for (let index = 0; index < 4; index++) keyIds.push((await company.createKey('ownA', company.I2, `other ${index}`)).id)
  // Both are in ten other organizations, as what they are here.
  for (let index = 0; index < 10; index++) {
    const owner = { subject: 'ownA', name: 'ownA', email: null }
    const { organizationId, memberId } = await bootstrapOrganization(server.app.ports, { slug: `more-${index}`, name: `More ${index}`, owner })
    const actor = { ...company.members.ownA, organizationId, memberId }
    await addMember(server.app.ports, actor, { subject: 'devA', name: 'devA', email: null, role: 'MEMBER' })
  }
})

const aliased = (count: number, field: string): string => Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ')

/** One operation with the statements that it sent, that of its authentication included. */
async function sent(query: string, variables: object, person: Person): Promise<{ answer: GraphQLAnswer<Record<string, never>>; statements: string[] }> {
  server.statements.length = 0
  const answer = (await (await server.post({ query, variables }, as(person))).json()) as GraphQLAnswer<Record<string, never>>
  return { answer, statements: requestStatements(server) }
}

const { schema } = createSchema()

/** What the operation may cost at most, its authentication included. */
const estimateOf = (query: string, variables: object): number => 1 + priceOf({ schema, document: parse(query), variableValues: variables as never }).statements

describe('a statement for each row', () => {
  const query = '{ apiKeys(first: 2) { edges { node { instance { apiKeys(first: 1, filter: { search: "o" }) { totalCount } } } } } }'

  test('is in the price where one remains', async () => {
    const { answer, statements } = await sent(query, {}, 'ownA')
    expect(answer.errors).toBeUndefined()
    expect(statements.length).toBe(2 + 2)
    expect(estimateOf(query, {})).toBeGreaterThanOrEqual(statements.length)
    expect(estimateOf(query.replace('first: 2', 'first: 90'), {})).toBeGreaterThan(90)
  })
})

/** Too many statements, in too few rows to be refused for these. */
const tooMany: Record<string, string> = {
  query: `{ ${aliased(40, 'secrets(first: 1) { totalCount }')} }`,
  fragments: `{ ...F ...G } fragment F on Query { ${aliased(20, 'secrets(first: 1) { totalCount }')} } fragment G on Query { ... { ${aliased(20, 'secrets(first: 1) { totalCount }').replaceAll('a', 'b').replaceAll('totblCount', 'totalCount')} } }`,
  mutation: `mutation { ${aliased(5, 'revokeApiKey(input: { id: "key_x", acknowledged: true }) { ...P }')} } fragment P on RevokeApiKeyPayload { instance { viewerRole keyCounts { total } app { keyCounts { total } } createdBy { id } } apiKey { viewerCanRevoke revokeRefusal instance { keyCounts { total } } } }`,
}
const watching = `subscription ($id: ID!) { keyCountsOf(instanceIds: [$id]) { instance { ${aliased(40, 'apiKeys(first: 1) { totalCount }')} } } }`

for (const [transport, send] of Object.entries(everyTransport)) {
  test(`what needs too many statements is refused before anything is read, with the numbers, over ${transport}`, async () => {
    for (const [name, query] of Object.entries(tooMany).concat(transport === 'HTTP' ? [] : [['subscription', watching]])) {
      server.statements.length = 0
      const answer = await send(server, { query, variables: name === 'subscription' ? { id: company.I1 } : {} }, as('ownA'))
      expect([name, codesOf(answer)]).toEqual([name, ['QUERY_REJECTED']])
      const { statements, rows } = priceOf({ schema, document: parse(query), variableValues: { id: company.I1 } })
      expect([statements > maxStatements, rows < maxRows]).toEqual([true, true])
      expect(answer.errors?.[0]?.message).toMatch(new RegExp(`needs about ${statements} statements; at most ${maxStatements} are allowed.* several operations`))
      expect(
        server.statements.filter((sql) => /api_key|app_instance|secret|idempotent/.test(sql) && requestStatements({ statements: [sql] }).length > 0),
      ).toEqual([])
    }
  })
}

test('four changes with all that their documents show are allowed, and five that show what was made', () => {
  const documents = Object.entries(operations).filter(([, document]) => /^\s*mutation/.test(String(document)))
  expect(documents.length).toBeGreaterThan(10)
  for (const [name, document] of documents)
    expect([name, priceOf({ schema, document: parse(String(document)) }).statements * 4 <= maxStatements]).toEqual([name, true])
  const creates = aliased(5, 'createApiKey(input: $input) { plaintext saveToken apiKey { id hint expiresAt } }')
  expect(priceOf({ schema, document: parse(`mutation ($input: CreateApiKeyInput!) { ${creates} }`) }).statements).toBeLessThanOrEqual(maxStatements)
})

test('the price of fragments in fragments is no longer to find than that of one', () => {
  const fragments = Array.from({ length: 150 }, (_, index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`).join(' ')
  const document = parse(`{ ...F0 } ${fragments} fragment F150 on Query { apps { id } }`)
  expect(validate(schema, document)).toEqual([])
  expect(priceOf({ schema, document }).statements).toBeGreaterThan(maxStatements)
})

/** More for a night: `ANY_OPERATIONS=10000`, and `ANY_SEED` to run a failure again. */
const operationCount = Number(process.env['ANY_OPERATIONS'] ?? 400)
const seed = Number(process.env['ANY_SEED'] ?? newSeed())

test(
  `whatever is asked for, it sends no more statements than its price says (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    const { members, I1, I2, J1, appId } = company
    const ids = [...keyIds.slice(0, 3), I1, I2, J1, appId, members.devA.memberId, members.ownA.organizationId, 'key_nothing']
    const write = createOperationWriter(schema, random, () => ids, { aliases: 2, sizes: [0, 1, 2, 3, 5, 20, 100] })
    const tried = { run: 0, refused: 0, most: 0 }
    while (tried.run < operationCount) {
      const query = write(random() < 0.85 ? 'query' : 'mutation')
      const estimate = estimateOf(query, {})
      const { answer, statements } = await sent(query, {}, random() < 0.5 ? 'ownA' : 'devA')
      expect(statements.length, `${query}\n${statements.join('\n')}`).toBeLessThanOrEqual(estimate)
      tried[answer.errors?.some(({ extensions }) => extensions.code === 'QUERY_REJECTED') ? 'refused' : 'run']++
      tried.most = Math.max(tried.most, statements.length)
    }
    expect(tried.refused).toBeGreaterThan(10)
    expect(tried.most).toBeGreaterThan(5)
  },
  60_000 + operationCount * 500,
)

import { describe, expect, test } from 'vitest'
import { createSchema } from '../../src/api/schema.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { createAnswers } from '../../src/server/answers.ts'
import { createSenders } from '../../src/server/senders.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { requestStatements, type TestServer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
const { ports } = server.app
const { ownA } = company.members

const page = `query ($id: ID!) { instance(id: $id) { id name keyCounts { active revoked } apiKeys { edges { node { id name status createdBy { name } } } } } }`
const variables = { id: company.I1 }
const asked = { query: page, variables }

const textOf = async (at: TestServer, sent: object, person: Parameters<typeof as>[0]): Promise<string> => (await at.post(sent, as(person))).text()

/** The statements that one request costs. */
async function costOf(sent: object, person: Parameters<typeof as>[0]): Promise<number> {
  server.statements.length = 0
  await textOf(server, sent, person)
  return requestStatements(server).length
}

/** The same question, for which nothing is kept: no other request has this variable. */
let questions = 0
const fresh = (sent: { query: string; variables?: object }) => ({ ...sent, variables: { ...sent.variables, question: questions++ } })

test('RD-01 what was asked before costs the statement that finds its sender, until anything changes', async () => {
  await company.createKey('devA', company.I1, 'first')
  const first = await textOf(server, asked, 'devA')
  expect(first).toContain('"name":"first"')
  expect(await costOf(asked, 'devA')).toBe(1)
  expect(await textOf(server, asked, 'devA')).toBe(first)
  // In another organization nothing is lost.
  const elsewhere = { query: '{ apps { name keyCounts { total } } }' }
  await textOf(server, elsewhere, 'ownB')
  await textOf(server, elsewhere, 'ownB')
  await company.createKey('devA', company.I1, 'second')
  expect(await costOf(elsewhere, 'ownB')).toBe(1)
  const second = await textOf(server, asked, 'devA')
  expect(second).toContain('"name":"second"')
  expect(await textOf(server, fresh(asked), 'devA')).toBe(second)
})

test('RD-01 the same variables in another order, and other text around the operation, are the same question', async () => {
  const two = `query ($id: ID!, $first: Int) { instance(id: $id) { apiKeys(first: $first) { totalCount } } }`
  await textOf(server, { query: two, variables: { id: company.I1, first: 3 } }, 'devA')
  await textOf(server, { query: two, variables: { id: company.I1, first: 3 } }, 'devA')
  expect(await costOf({ operationName: null, variables: { first: 3, id: company.I1 }, query: two }, 'devA')).toBe(1)
  expect(await costOf({ query: two, variables: { id: company.I1, first: 4 } }, 'devA')).toBeGreaterThan(1)
})

describe('RD-04 an answer that one transport keeps is sent on the others', () => {
  for (const [kept, keep] of Object.entries(everyTransport)) {
    for (const [used, use] of Object.entries(everyTransport)) {
      test(`${kept} keeps, ${used} sends`, async () => {
        const sent = { query: `query ($id: ID!) { instance(id: $id) { ${kept}to${used}: name keyCounts { total } } }`, variables }
        const data = (await keep(server, sent, as('devA'))).data
        // A document is known once its sender was.
        await keep(server, sent, as('devA'))
        server.statements.length = 0
        expect((await use(server, sent, as('devA'))).data).toEqual(data)
        expect(requestStatements(server).filter((sql) => /key_count|app_instance/.test(sql))).toEqual([])
        await company.createKey('devA', company.I1)
        expect((await use(server, sent, as('devA'))).data).not.toEqual(data)
      })
    }
  }
})

test('RD-04 the headers of an answer that was kept are those of one that was not', async () => {
  for (const accept of ['application/json', 'application/graphql-response+json', '*/*', undefined]) {
    const headersOf = async (sent: object): Promise<[number, object, string]> => {
      const answer = await server.post(sent, as('devA'), accept === undefined ? {} : { accept })
      const { 'x-request-id': _, date: __, ...headers } = Object.fromEntries(answer.headers)
      return [answer.status, headers, await answer.text()]
    }
    const executed = await headersOf(fresh(asked))
    await headersOf(asked)
    expect([accept, await headersOf(asked)]).toEqual([accept, executed])
  }
  const get = await fetch(`${server.url}/graphql?query=${encodeURIComponent('{ apps { name } }')}`, {
    headers: { authorization: `Bearer ${await server.token('devA')}`, 'x-graphql-csrf': '1' },
  })
  expect(get.headers.get('cache-control')).toBe('no-store')
})

test.each(['image/png', 'multipart/mixed', 'text/html;q=0.1, image/*', 'multipart/mixed; deferSpec=20220824, application/json'])(
  'RD-04 what a client accepts (%s) leaves no trace in what others get',
  async (accept) => {
    const sent = { query: `query ($id: ID!) { instance(id: $id) { odd: name keyCounts { total } } }`, variables }
    const expected = await textOf(server, fresh(sent), 'ownA')
    for (let round = 0; round < 2; round++) await (await server.post(sent, as('ownA'), { accept })).text()
    await company.createKey('devA', company.I1)
    for (let round = 0; round < 2; round++) await (await server.post(sent, as('ownA'), { accept })).text()
    for (const person of ['ownA', 'auraA'] as const) {
      for (const send of Object.values(everyTransport))
        expect((await send(server, sent, as(person))).data).toMatchObject({ instance: { odd: expect.any(String) } })
      expect(await textOf(server, sent, person)).toBe(await textOf(server, fresh(sent), person))
    }
    expect(await textOf(server, sent, 'ownA')).not.toBe(expected)
  },
)

test('RD-01 a number that is none in JSON is not taken for null', async () => {
  const query = 'query ($first: Int) { apiKeys(first: $first) { totalCount } }'
  const post = async (first: string): Promise<string> =>
    (await server.post(`{"query":${JSON.stringify(query)},"variables":{"first":${first}}}`, as('devA'))).text()
  for (let round = 0; round < 2; round++) expect(await post('null')).toContain('"data"')
  expect(await post('1e400')).toContain('BAD_USER_INPUT')
})

test('RD-03 nobody gets the answer of a member who sees something else', async () => {
  const sent = { query: '{ viewer { member { name } can { createApp } } apiKeys { totalCount edges { node { name viewerCanRevoke } } } }' }
  const people = ['ownA', 'auraA', 'devA', 'dev2A', 'viewA', 'ownB', 'devB'] as const
  const alone = new Map<string, string>()
  for (const person of people) alone.set(person, await textOf(server, fresh(sent), person))
  for (let round = 0; round < 3; round++) for (const person of people) expect([person, await textOf(server, sent, person)]).toEqual([person, alone.get(person)])
  expect(new Set(alone.values()).size).toBe(people.length)
})

test('RD-03 who sees the whole organization shares an answer, and nobody else gets it', async () => {
  const sent = { query: `query ($id: ID!) { instance(id: $id) { shared: name keyCounts { total } } }`, variables: { id: company.I2 } }
  await textOf(server, sent, 'ownA')
  await textOf(server, sent, 'auraA')
  expect(await costOf(sent, 'auraA')).toBe(1)
  expect(await costOf(sent, 'ownA')).toBe(1)
  // I2 is out of sight for these.
  expect(await textOf(server, sent, 'viewA')).toBe('{"data":{"instance":null}}')
  expect(await textOf(server, sent, 'ownB')).toBe('{"data":{"instance":null}}')
  expect(await textOf(server, sent, 'ownA')).toContain('"total"')
})

test('RD-03 a role or a grant that is lost, a member who is removed, and a token that ends are in force with the next request', async () => {
  const { memberId } = await addMember(ports, ownA, { subject: 'leaving', name: 'Leaving', email: null, role: 'OWNER' })
  const who = { subject: 'leaving', organization: 'a' }
  const ask = async () => (await server.post(asked, who)).text()
  await ask()
  expect(await ask()).toContain(company.I1)
  await setMemberRole(ports, ownA, { id: memberId, role: 'MEMBER' })
  expect(await ask()).toBe('{"data":{"instance":null}}')
  await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: 'USER' })
  expect(await ask()).toContain(company.I1)
  expect(await ask()).toContain(company.I1)
  await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: null })
  expect(await ask()).toBe('{"data":{"instance":null}}')
  const soon = new Date(server.time.now.getTime() + 2_000)
  const authorization = `Bearer ${await server.token('leaving', 'a', soon)}`
  expect((await server.post(asked, { authorization })).status).toBe(200)
  server.time.now = new Date(soon.getTime() + 1_000)
  expect((await server.post(asked, { authorization })).status).toBe(401)
  await removeMember(ports, ownA, { id: memberId, acknowledged: true })
  expect((await server.post(asked, who)).status).toBe(401)
})

test('RD-02 last uses move no version: they drop the answers that show them, and no others', async () => {
  const { plaintext, id } = await company.createKey('devA', company.I1, 'used')
  const shows = { query: 'query ($id: ID!) { apiKey(id: $id) { name lastUsedAt } }', variables: { id } }
  const hides = { query: 'query ($id: ID!) { apiKey(id: $id) { name status } }', variables: { id } }
  const use = async (): Promise<void> => {
    server.time.now = new Date(server.time.now.getTime() + 120_000)
    expect((await server.verify(plaintext, company.I1)).code).toBe('VALID')
    await server.app.lastUses.flush()
  }
  for (let round = 0; round < 3; round++) {
    await textOf(server, shows, 'devA')
    await textOf(server, hides, 'devA')
    const before = await textOf(server, shows, 'devA')
    expect(await costOf(shows, 'devA')).toBe(1)
    await use()
    const after = await textOf(server, shows, 'devA')
    expect(after).not.toBe(before)
    expect(after).toContain(server.time.now.toISOString().slice(0, 16))
    expect(await costOf(hides, 'devA')).toBe(1)
  }
})

test('RD-01 what failed is not kept', async () => {
  const sent = { query: '{ apps { name } members { totalCount } }' }
  for (let round = 0; round < 3; round++) expect(await textOf(server, sent, 'viewA')).toContain('FORBIDDEN')
  expect(await costOf(sent, 'viewA')).toBeGreaterThan(1)
})

test('RD-06 of many who ask the same at once, one executes it', async () => {
  const sent = { query: '{ apps { id herd: name instances { edges { node { id keyCounts { total } } } } } }' }
  await textOf(server, sent, 'ownA')
  await company.createKey('devA', company.I1)
  server.statements.length = 0
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => textOf(server, sent, index % 2 ? 'ownA' : 'auraA')))
  expect(new Set(answers).size).toBe(1)
  expect(requestStatements(server).filter((sql) => /key_count/.test(sql))).toHaveLength(1)
})

test('RD-01 variables that are nested as deeply as a body allows are refused as before', async () => {
  await textOf(server, asked, 'devA')
  const deep = `${'['.repeat(40_000)}${']'.repeat(40_000)}`
  const answer = await server.post(`{"query":${JSON.stringify(page)},"variables":{"id":${JSON.stringify(company.I1)},"deep":${deep}}}`, as('devA'))
  expect(await answer.text()).toContain('levels')
})

test('RD-03 who was removed is refused with one statement, and counts against their address, where an answer of theirs is kept', async () => {
  const { memberId } = await addMember(ports, ownA, { subject: 'removed', name: 'Removed', email: null, role: 'OWNER' })
  const who = { subject: 'removed', organization: 'a' }
  for (let round = 0; round < 2; round++) expect((await server.post(asked, who)).status).toBe(200)
  await server.sql(`UPDATE member SET removed_at = now() WHERE id = '${memberId}'`)
  server.statements.length = 0
  const refused = await server.post(asked, who)
  expect([refused.status, await refused.text()]).toEqual([401, expect.stringContaining('"code":"UNAUTHENTICATED"')])
  expect(refused.headers.get('x-request-id')).not.toBeNull()
  expect(requestStatements(server)).toHaveLength(1)
  for (let index = 0; index < 100; index++) await (await server.post(asked, who)).text()
  expect((await server.post(asked, who)).status).toBe(429)
  expect((await server.post(asked, as('devA'))).status).toBe(200)
})

test('RD-05 the questions of bodies stay within their memory', () => {
  let signature = 'pepper'
  const answers = createAnswers(createSchema().schema, { senders: createSenders(), maxBytes: 1_000_000, signature: () => signature })
  const question = { key: 'question', isAlike: true, readsLastUses: false }
  answers.remember('first', question)
  expect(answers.asked('first')).toBe(question)
  // Its cursors were signed with another pepper.
  signature = 'next'
  expect(answers.asked('first')).toBeUndefined()
  signature = 'pepper'
  for (let index = 0; index < 500; index++) answers.remember(`${index}${'x'.repeat(20_000)}`, question)
  expect(answers.asked('first')).toBeUndefined()
  expect(answers.asked(`499${'x'.repeat(20_000)}`)).toBe(question)
})

import { beforeAll, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { serverOfFile } from '../support/file-server.ts'
import { codesOf, type GraphQLAnswer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

const server = await serverOfFile()

beforeAll(async () => {
  const company = await createCompany(server)
  await company.createKey('ownA', company.I1)
})

const post = async (body: unknown): Promise<GraphQLAnswer<{ apiKeys: { totalCount: number } }>> => (await (await server.post(body, as('ownA'))).json()) as never

test('variables that are nested without end are refused by their name, whether the operation declares them or not', async () => {
  for (const [levels, [open, close]] of [
    [45_000, ['[', ']']],
    [16_000, ['{"a":', '}']],
  ] as const) {
    const value = `${open.repeat(levels)}1${close.repeat(levels)}`
    for (const query of ['query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { totalCount } }', '{ apiKeys { totalCount } }']) {
      const answer = await post(`{"query":${JSON.stringify(query)},"variables":{"filter":${value}}}`)
      expect(answer.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'filter' }, message: expect.stringMatching(/at most \d+ levels/) }])
    }
  }
})

for (const [transport, open] of Object.entries(transports)) {
  test(`so are those of a subscription over ${transport}`, async () => {
    let deep: unknown = 1
    for (let level = 0; level < 3_000; level++) deep = [deep]
    const stream = open(server, 'subscription { keyCounts { active } }', { deep }, `Bearer ${await server.token('ownA')}`)
    expect(codesOf((await stream.next()) ?? {})).toEqual(['BAD_USER_INPUT'])
    await stream.end()
  })
}

test('dates are of years that the database holds', async () => {
  const query = 'query ($at: DateTime) { apiKeys(filter: { expiresBefore: $at }) { totalCount } }'
  for (const at of ['0000-01-01T00:00:00Z', '0001-01-01T00:30:00+01:00', '9999-12-31T23:59:59-01:00']) {
    expect(codesOf(await post({ query, variables: { at } })), at).toEqual(['BAD_USER_INPUT'])
    expect(codesOf(await post({ query: `{ apiKeys(filter: { expiresBefore: "${at}" }) { totalCount } }` })), at).toEqual(['BAD_USER_INPUT'])
  }
  for (const [at, count] of [
    ['0001-01-01T00:00:00Z', 0],
    ['9999-12-31T23:59:59Z', 1],
  ] as const) {
    expect((await post({ query, variables: { at } })).data).toEqual({ apiKeys: { totalCount: count } })
  }
})

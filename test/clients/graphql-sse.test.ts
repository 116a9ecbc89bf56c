import { createClient } from 'graphql-sse'
import { expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const headers = { authorization: `Bearer ${await server.token('ownA', 'a')}` }
const url = `${server.url}/graphql`
/** Each operation has a connection of its own, which is the default. */
const client = createClient({ url, headers, retryAttempts: 0 })

test('a subscription follows the counts until the client leaves it', async () => {
  const counts = client.iterate<{ keyCounts: { active: number } }>({
    query: 'subscription ($id: ID!) { keyCounts(instanceId: $id) { active } }',
    variables: { id: company.I1 },
  })
  const next = async (): Promise<number | undefined> => (await counts.next()).value?.data?.keyCounts.active
  const before = (await next()) ?? Number.NaN
  await company.createKey('ownA', company.I1)
  expect(await next()).toBe(before + 1)
  await counts.return?.()
})

test('a query is one event, and the stream is complete', async () => {
  const answers = []
  for await (const answer of client.iterate({ query: '{ viewer { member { name } } }' })) answers.push(answer)
  expect(answers).toEqual([{ data: { viewer: { member: { name: 'ownA' } } } }])
})

test('a refusal within the stream is an answer with a code, and the stream ends', async () => {
  const answers = []
  const query = 'subscription { keyCounts(instanceId: "ins_00000000000000000000000000") { active } }'
  for await (const { errors } of client.iterate({ query })) answers.push(errors?.map(({ extensions }) => extensions?.['code']))
  expect(answers).toEqual([['NOT_FOUND']])
})

test('a request that is refused as a whole is an error that has the response', async () => {
  const refused = async (sent: { query: string }, with_: object): Promise<unknown> => {
    try {
      for await (const _ of createClient({ url, retryAttempts: 0, ...with_ }).iterate(sent)) throw new Error('an answer')
    } catch (error) {
      return (error as { response?: Response }).response?.status
    }
    return 'nothing'
  }
  expect(await refused({ query: 'subscription { nothing }' }, { headers })).toBe(400)
  expect(await refused({ query: 'subscription { keyCounts { active } }' }, {})).toBe(401)
})

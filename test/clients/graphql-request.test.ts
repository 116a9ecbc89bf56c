import { ClientError, GraphQLClient, gql } from 'graphql-request'
import { expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const headers = { authorization: `Bearer ${await server.token('ownA', 'a')}` }
const url = `${server.url}/graphql`

const client = new GraphQLClient(url, { headers })
const thrown = async (sent: Promise<unknown>): Promise<ClientError> => {
  const error = await sent.catch((reason: unknown) => reason)
  if (!(error instanceof ClientError)) throw new Error(`no refusal: ${JSON.stringify(error)}`)
  return error
}
const codes = (error: ClientError): unknown[] => [error.response.status, error.response.errors?.map(({ extensions }) => extensions['code'])]

test('queries by POST and by GET, and documents without an operation name, are answered', async () => {
  const byGet = new GraphQLClient(url, { headers, method: 'GET' })
  for (const each of [client, byGet]) {
    expect(await each.request(gql`query ($id: ID!) { instance(id: $id) { name } }`, { id: company.I1 })).toEqual({ instance: { name: 'I1' } })
  }
})

test('refusals of fields, documents and credentials are errors with a code', async () => {
  const revoke = gql`mutation ($id: ID!) { revokeApiKey(input: { id: $id, acknowledged: true }) { apiKey { id } } }`
  expect(codes(await thrown(client.request(revoke, { id: 'key_00000000000000000000000000' })))).toEqual([200, ['NOT_FOUND']])
  expect(codes(await thrown(client.request('{ nothing }')))).toEqual([400, ['QUERY_REJECTED']])
  expect(codes(await thrown(new GraphQLClient(url).request('{ viewer { __typename } }')))).toEqual([401, ['UNAUTHENTICATED']])
})

test('the code of each key of a revocation is one of the enum, and the same as its text', async () => {
  const { id } = await company.createKey('ownA', company.I1)
  const revoke = gql`mutation ($ids: [ID!]!) { revokeApiKeys(input: { ids: $ids, acknowledged: true }) { results { code errorCode } } }`
  const byDev = new GraphQLClient(url, { headers: { authorization: `Bearer ${await server.token('dev2A', 'a')}` } })
  const results = async (of: GraphQLClient, ids: string[]): Promise<unknown> =>
    (await of.request<{ revokeApiKeys: { results: unknown } }>(revoke, { ids })).revokeApiKeys.results
  const both = (code: string | null) => ({ code, errorCode: code })
  expect(await results(byDev, [id, 'key_00000000000000000000000000'])).toEqual([both('FORBIDDEN'), both('NOT_FOUND')])
  expect(await results(client, [id])).toEqual([both(null)])
})

test('a batch shows what the server says about batches', async () => {
  const error = await thrown(client.batchRequests([{ document: '{ __typename }' }, { document: '{ __typename }' }]))
  expect(error.message).toContain('Batches are not supported: send one operation per request.')
})

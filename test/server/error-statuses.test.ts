import { expect, test } from 'vitest'
import { statusOf } from '../../src/server/error-status.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import type { As } from '../support/server.ts'

const { server, company } = await companyOfFile()
const { id } = await company.createKey('ownA', company.I1)

const revoke = (key: string): string => `mutation { revokeApiKey(input: { id: "${key}", acknowledged: true }) { apiKey { id } } }`
const of = 'query ($id: ID!) { instance(id: $id) { id } }'

// As docs/errors.md says in words; only the credential counts in every form.
test.each<[code: string, query: string, sender: As, statuses: [rich: number, json: number, events: number], variables?: object]>([
  ['UNAUTHENTICATED', '{ viewer { __typename } }', null, [401, 401, 401]],
  ['QUERY_REJECTED', '{ nothing }', as('ownA'), [400, 200, 400]],
  ['BAD_USER_INPUT', of, as('ownA'), [400, 200, 200], { id: [1] }],
  ['BAD_USER_INPUT', '{ apiKeys(first: 1000) { totalCount } }', as('ownA'), [200, 200, 200]],
  ['FORBIDDEN', revoke(id), as('dev2A'), [200, 200, 200]],
  ['NOT_FOUND', revoke('key_00000000000000000000000000'), as('ownA'), [200, 200, 200]],
])('%s has the status that is documented: %s', async (code, query, sender, statuses, variables) => {
  const answers = ['application/graphql-response+json', 'application/json', 'text/event-stream'].map(async (accept) => {
    const response = await server.post({ query, variables }, sender, { accept })
    expect(await response.text()).toContain(`"code":"${code}"`)
    return response.status
  })
  expect(await Promise.all(answers)).toEqual(statuses)
  expect([200, statusOf(code)]).toEqual(expect.arrayContaining(statuses))
})

import { expect, test } from 'vitest'
import { ApiKeysDocument, InstanceKeysDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

/** Keys that one statement makes: the use case is not what is tested here. */
const seed = (from: number, to: number) =>
  server.sql(
    `WITH made AS (INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
      SELECT 'key_' || lpad(n::text, 26, '0'), $1, $2, $3, $4, 'many ' || n, 'h', now(), now() + interval '1 day' FROM generate_series($5::int, $6::int) n RETURNING 1)
     SELECT count(*) FROM made`,
    company.members.ownA.organizationId,
    company.appId,
    company.I1,
    company.members.ownA.memberId,
    from,
    to,
  )

const totals = async (filter: { search?: string }) => {
  const { totalCount, totalCountIsExact } = dataOf(await server.graphql(ApiKeysDocument, { first: 1, filter }, as('ownA'))).apiKeys
  const below = dataOf(await server.graphql(InstanceKeysDocument, { id: company.I1, first: 1, filter }, as('ownA'))).instance?.apiKeys
  expect(below).toMatchObject({ totalCount, totalCountIsExact })
  return [totalCount, totalCountIsExact]
}

test('a total that must be counted stops at 10,000 and says so; one that the counters know goes on', async () => {
  await seed(1, 10_000)
  expect(await totals({ search: 'many' })).toEqual([10_000, true])
  expect(await totals({})).toEqual([10_000, true])
  await seed(10_001, 10_001)
  expect(await totals({ search: 'many' })).toEqual([10_000, false])
  expect(await totals({})).toEqual([10_001, true])
  await seed(10_002, 12_000)
  expect(await totals({ search: 'many' })).toEqual([10_000, false])
  expect(await totals({})).toEqual([12_000, true])
  expect(await totals({ search: 'many 11999' })).toEqual([1, true])
})

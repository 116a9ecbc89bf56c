import { expect, test } from 'vitest'
import { MembersDocument, type MembersQuery } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()
const organization = company.members.ownA.organizationId

test('pages of members that a text is searched in hold all that match, once and by name, wherever they stand', async () => {
  await server.sql(
    `WITH made AS (INSERT INTO member (id, organization_id, subject, name, email, role, joined_at, removed_at)
      SELECT 'mem_' || lpad(n::text, 26, '0'), $1, 'many-' || n, CASE WHEN n % 4 = 0 THEN 'z-far ' ELSE 'near ' END || n % 300, 'm' || n || '@test.example', 'MEMBER', $2::timestamptz,
        CASE WHEN n % 5 = 0 THEN $2::timestamptz END FROM generate_series(1, 3000) n RETURNING 1) SELECT count(*) FROM made`,
    organization,
    server.time.now,
  )
  for (const [search, like] of Object.entries({ 'z-far': 'z-far %', 'Z-FAR 2': 'z-far 2%', 'ear 29': '%ear 29%', z: 'z%', '%': 'nobody' })) {
    const plain = await server.sql<{ id: string }>(
      'SELECT id FROM member WHERE organization_id = $1 AND removed_at IS NULL AND name LIKE $2 ORDER BY name, id',
      organization,
      like,
    )
    for (const by of ['ownA', 'devA'] as const) {
      const found: string[] = []
      for (let after: string | null = null, more = true; more; ) {
        const page: MembersQuery['members'] = dataOf(await server.graphql(MembersDocument, { filter: { search }, first: 90, after }, as(by))).members
        found.push(...(page?.edges.map(({ node }) => node.id) ?? []))
        expect(page?.totalCount).toBe(plain.length)
        after = page?.pageInfo.endCursor ?? null
        more = page?.pageInfo.hasNextPage ?? false
      }
      expect([search, by, found]).toEqual([search, by, plain.map(({ id }) => id)])
    }
  }
})

import { expect, test } from 'vitest'
import { CreateAppDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const create = (slug: string) => server.graphql(CreateAppDocument, { input: { slug, name: slug } }, as('auraA'))

test('an organization has at most 200 apps: the 201st is a CONFLICT that names its field', async () => {
  // One is there already.
  await server.sql(
    "INSERT INTO app (id, organization_id, slug, name, created_at) SELECT 'app_' || n, $1, 'app-' || n, 'x', now() FROM generate_series(2, 199) n RETURNING 1",
    company.members.ownA.organizationId,
  )
  dataOf(await create('last'))
  expect((await create('one-more')).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'slug' })
  expect((await create('last')).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'slug' })
})

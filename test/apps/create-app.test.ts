import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateAppDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterAll(() => server.close())

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

import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as, type Company, createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

const makeKey = async (name: string): Promise<void> => {
  const input = { instanceId: company.I1, name, expiresInDays: 9, saveAsSecret: { name } }
  expect((await server.graphql(CreateApiKeyDocument, { input }, as('ownA'))).errors).toBeUndefined()
}

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
  for (const name of ['one', 'two', 'three', 'four', 'five']) await makeKey(name)
})
afterAll(() => server.close())

/** Every list of the API, each as a field that takes arguments of a page; `under` leads to it. */
const lists: Readonly<Record<string, { field: string; under: string[] }>> = {
  members: { field: 'members(ARGS)', under: [] },
  secrets: { field: 'secrets(ARGS)', under: [] },
  'the audit log': { field: 'auditLog(ARGS)', under: [] },
  keys: { field: 'apiKeys(ARGS)', under: [] },
  'instances of an app': { field: 'instances(ARGS)', under: ['app(slug: "APP")'] },
  'access to an instance': { field: 'access(ARGS)', under: ['instance(id: "INSTANCE")'] },
  'keys of an instance': { field: 'apiKeys(ARGS)', under: ['instance(id: "INSTANCE")'] },
}

interface Page {
  edges: { cursor: string }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
}

async function pageOf(name: string, page: string): Promise<Page> {
  const { field = '', under = [] } = lists[name] ?? {}
  const rows = `list: ${field.replace('ARGS', page)} { edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`
  const [app] = await server.sql<{ slug: string }>('SELECT slug FROM app WHERE id = $1', company.appId)
  const query = `{ ${under.reduceRight((inner, outer) => `owner: ${outer} { ${inner} }`, rows)} }`
    .replace('APP', app?.slug ?? '')
    .replace('INSTANCE', company.I1)
  const { data, errors } = (await (await server.post({ query }, as('ownA'))).json()) as { data: { list?: Page; owner?: { list: Page } }; errors?: object }
  expect(errors).toBeUndefined()
  return (data.list ?? data.owner?.list) as Page
}

for (const name of Object.keys(lists)) {
  test(`${name}: pages backwards are the pages forwards, from the end`, async () => {
    const all = (await pageOf(name, 'first: 100')).edges.map(({ cursor }) => cursor)
    expect(all.length).toBeGreaterThan(1)
    const found: string[] = []
    for (let before = '', more = true; more; ) {
      const { edges, pageInfo } = await pageOf(name, `last: 2${before}`)
      expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor)
      expect(pageInfo.hasNextPage).toBe(before !== '')
      found.unshift(...edges.map(({ cursor }) => cursor))
      before = `, before: "${pageInfo.startCursor}"`
      more = pageInfo.hasPreviousPage
    }
    expect(found).toEqual(all)
    expect((await pageOf(name, `last: 1, before: "${all[0]}"`)).edges).toEqual([])
  })
}

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiKeysDocument, AppsWithInstancesDocument, InstanceKeysDocument } from '../generated/operations.ts'
import { recordStatements, rowsRead, timesRead } from '../support/plans.ts'
import { seedWide } from '../support/seed-wide.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let recorded: ReturnType<typeof recordStatements>
const organization = `org_${'0'.repeat(26)}`

beforeAll(async () => {
  server = await startServer()
  await seedWide(server, { keys: 3_000, organizations: 3 })
  recorded = recordStatements(server)
}, 120_000)
afterAll(() => server.close())

/** Lists ten apps with ten instances each; what is read for it. */
const appsRead = (subject: string) => readBy(subject, AppsWithInstancesDocument as never, { first: 10 })

async function readBy(subject: string, document: typeof ApiKeysDocument, variables: object): Promise<{ rows: number; times: number }> {
  recorded.take()
  dataOf(await server.graphql(document, variables as never, { subject, organization: 'seed-1' }))
  const [statement, ...others] = recorded.take().filter(({ sql }) => sql.includes('json_agg'))
  if (!statement || others.length > 0) throw new Error('it is not read by one statement')
  return { rows: await rowsRead(server, statement, true), times: await timesRead(server, statement, 'app_instance') }
}

const grant = (subjects: string, instances: string) =>
  server.app.database.client.$executeRawUnsafe(`
    INSERT INTO instance_access (instance_id, member_id, role) SELECT i.id, m.id, 'USER' FROM member m,
      (SELECT id FROM app_instance WHERE ${instances}) i WHERE m.subject ${subjects} ON CONFLICT DO NOTHING`)

test('who sees few instances reads few, however many an app has, and others see', async () => {
  // Of the thousands of an app, and on average for everybody, as the planner takes it to be for each.
  await grant("LIKE 'more-_' OR m.subject LIKE 'more-__' OR m.subject LIKE 'more-___'", "name LIKE 'more-%' LIMIT 80")
  await server.app.database.client.$executeRawUnsafe(
    'DELETE FROM instance_access WHERE member_id NOT IN (SELECT member_id FROM instance_access GROUP BY 1 HAVING count(*) > 50)',
  )
  await server.app.database.client.$executeRawUnsafe('ANALYZE instance_access')
  const few = await appsRead('more-6')
  expect(few.rows).toBeGreaterThan(80)
  expect(few.rows).toBeLessThan(1_000)
  // They are not looked up for each app again.
  expect(few.times).toBe(1)
})

test('who sees many instances reads not many more than are shown, however many others there are', async () => {
  await grant("= 'more-2000'", `organization_id = '${organization}' AND right(id, 1) IN ('3', '7')`)
  const [granted] = await server.sql<{ n: number }>(
    "SELECT count(*)::int AS n FROM instance_access JOIN member m ON m.id = member_id WHERE m.subject = 'more-2000'",
  )
  expect(granted?.n).toBeGreaterThan(600)
  const many = await appsRead('more-2000')
  expect(many.rows).toBeGreaterThan(100)
  // Twice the grants, whose hash is made once for the list and once for its counts, and of each app the first ones in order.
  expect(many.rows).toBeLessThan(2 * (granted?.n ?? 0) + 2_000)
  // Of one instance the member's grant on it is looked for, and no other.
  const one = await readBy('more-2000', InstanceKeysDocument as never, { id: `ins_${'3'.padStart(26, '0')}`, first: 10 })
  expect(one.rows).toBeGreaterThan(10)
  expect(one.rows).toBeLessThan(200)
})

test('grants on instances that are gone do not count: who sees few of an app whose instances are mostly deleted reads few', async () => {
  const [owner, app] = [`mem_${'0'.repeat(26)}`, `app_${'3'.padStart(26, '0')}`]
  await server.app.database.client.$executeRawUnsafe(`
    INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at, deleted_at)
    SELECT 'ins_' || lpad((7000000 + n)::text, 26, '0'), '${organization}', '${app}', 'gone-' || md5(n::text), 'DELETED', '${owner}', now(), now() FROM generate_series(1, 5000) n`)
  await grant("= 'more-3000'", "name LIKE 'gone-%' LIMIT 600")
  await grant("= 'more-3000'", `app_id = '${app}' AND deleted_at IS NULL LIMIT 3`)
  const few = await appsRead('more-3000')
  expect(few.rows).toBeGreaterThan(600)
  expect(few.rows).toBeLessThan(2_500)
})

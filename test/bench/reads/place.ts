import { Client } from 'pg'
import { seedLarge } from '../../../src/cli/seed.ts'
import { openPostgres } from '../../../src/store/client.ts'
import { type BenchEnvironment, createEnvironment } from '../environment.ts'

export type Role = 'owner' | 'member'

/** Who asks. */
interface Person {
  readonly subject: string
  readonly authorization: string
}

/** Three organizations with keys, in a database of their own; all questions are about the first one. */
export interface Place extends BenchEnvironment {
  readonly keys: number
  readonly organizationId: string
  /** An app with instances, and instances of it with more than a page of keys. */
  readonly app: { readonly id: string; readonly slug: string }
  readonly instanceIds: readonly [string, string]
  readonly keyId: string
  readonly people: Readonly<Record<Role, readonly Person[]>>
}

/** As many of each role: a server may run only some operations of one person at once. */
const people = Number(process.env['READS_PEOPLE'] ?? 4)
const named = (first: number): string[] => Array.from({ length: people }, (_, index) => `member-${first + index}`)
const subjects: Readonly<Record<Role, readonly string[]>> = { owner: named(0), member: named(people) }
const listed = (role: Role): string => `('${subjects[role].join("','")}')`
const zero = '0'.repeat(26)
const organizationId = `org_${zero}`
/** How many instances of each app a member may see, and how many keys are added to an instance: answers are as long however many keys there are. */
const [granted, added] = [5, 20]

/** A query without parameters may have several statements. */
const more = (instanceIds: readonly string[]): string => `
  UPDATE member SET role = 'OWNER' WHERE organization_id = '${organizationId}' AND subject IN ${listed('owner')};
  UPDATE member SET role = 'MEMBER' WHERE organization_id = '${organizationId}' AND subject IN ${listed('member')};
  DELETE FROM instance_access USING member m WHERE member_id = m.id AND m.organization_id = '${organizationId}' AND m.subject IN ${listed('member')};
  INSERT INTO instance_access (instance_id, member_id, role)
    SELECT i.id, m.id, 'USER' FROM (SELECT id, row_number() OVER (PARTITION BY app_id ORDER BY name, id) AS n FROM app_instance WHERE organization_id = '${organizationId}') i,
      member m WHERE i.n <= ${granted} AND m.organization_id = '${organizationId}' AND m.subject IN ${listed('member')};
  INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
    SELECT 'key_' || lpad((x.n * 1000 + g.n)::text, 26, '1'), i.organization_id, i.app_id, i.id, c.id, 'page-' || g.n, 'aura_0000…0' || lpad(g.n::text, 3, '0'),
      now() - g.n * interval '1 minute', now() + g.n * interval '1 day'
    FROM unnest(ARRAY['${instanceIds.join("','")}']) WITH ORDINALITY AS x(id, n) JOIN app_instance i ON i.id = x.id, generate_series(1, ${added}) AS g(n)
      JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM member WHERE organization_id = '${organizationId}') c ON c.n = g.n`

export async function createPlace(postgresUrl: string, keys: number): Promise<Place> {
  const environment = await createEnvironment(postgresUrl)
  const database = openPostgres(environment.url)
  // Ten instances in each of thirty apps at least, so that the answers have as many rows however many keys there are.
  await seedLarge(database.client, { keys, instances: Math.max(300, keys / 100), organizations: 3 })
  await database.close()
  const client = new Client({ connectionString: environment.url })
  await client.connect()
  const { rows: apps } = await client.query(`SELECT id, slug FROM app WHERE organization_id = '${organizationId}' ORDER BY name, id LIMIT 1`)
  const [app] = apps as [{ id: string; slug: string }]
  const { rows: instances } = await client.query('SELECT id FROM app_instance WHERE app_id = $1 ORDER BY name, id LIMIT 2', [app.id])
  const instanceIds = instances.map(({ id }) => id) as [string, string]
  await client.query(more(instanceIds))
  await client.query('VACUUM ANALYZE')
  const { rows: newest } = await client.query('SELECT id FROM api_key WHERE instance_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1', [instanceIds[0]])
  await client.end()
  const peopleOf = (role: Role): Promise<Person[]> =>
    Promise.all(subjects[role].map(async (subject) => ({ subject, authorization: await environment.authorization(subject, 'seed-1') })))
  const [owner, member] = await Promise.all([peopleOf('owner'), peopleOf('member')])
  return { ...environment, keys, organizationId, app, instanceIds, keyId: newest[0].id, people: { owner, member } }
}

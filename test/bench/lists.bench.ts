import { expect, test } from 'vitest'
import { seedLarge } from '../../src/cli/seed.ts'
import * as documents from '../generated/operations.ts'
import { dataOf, startServer, type TestServer } from '../support/server.ts'

const repetitions = 15
const sizes = [1_000, 1_000_000]
const zero = '0'.repeat(26)

const cases: [label: string, document: { toString(): string }, variables: object][] = [
  ['viewer', documents.ViewerDocument, {}],
  ['apps', documents.AppsDocument, {}],
  ['apps with instances', documents.AppsWithInstancesDocument, { first: 10 }],
  ['instance with keys', documents.InstanceKeysDocument, { id: `ins_${zero}` }],
  ['keys, newest', documents.ApiKeysDocument, {}],
  ['keys, by name', documents.ApiKeysDocument, { orderBy: 'NAME_ASC' }],
  ['keys, by end', documents.ApiKeysDocument, { orderBy: 'EXPIRES_AT_ASC' }],
  ['keys, last used', documents.ApiKeysDocument, { orderBy: 'LAST_USED_AT_DESC' }],
  ['keys, orphaned', documents.ApiKeysDocument, { filter: { status: ['ORPHANED'] } }],
  ['keys, searched', documents.ApiKeysDocument, { filter: { search: 'ab12cd' } }],
  ['keys of an app', documents.AppKeysDocument, { slug: 'app-0' }],
  ['key', documents.ApiKeyDocument, { id: `key_${zero}` }],
  ['audit log', documents.AuditLogDocument, {}],
  ['members', documents.MembersDocument, {}],
]

/** Median and spread in milliseconds of one document. */
async function time(server: TestServer, document: { toString(): string }, variables: object, subject: string): Promise<string> {
  const times: number[] = []
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const started = performance.now()
    const answer = await server.graphql(document as typeof documents.ApiKeysDocument, variables as never, { subject, organization: 'seed-1' })
    times.push(performance.now() - started)
    if (answer.errors?.some((error) => error.extensions.code !== 'FORBIDDEN')) throw new Error(JSON.stringify(answer.errors))
    if (times.reduce((sum, each) => sum + each, 0) > 5_000) break
  }
  times.sort((a, b) => a - b)
  return `${(times[Math.floor(times.length / 2)] ?? 0).toFixed(1)} (${(times[0] ?? 0).toFixed(1)}–${(times.at(-1) ?? 0).toFixed(1)})`
}

test('lists at a thousand and at a million keys', async () => {
  const table = new Map<string, string[]>()
  for (const keys of sizes) {
    const server = await startServer()
    const started = performance.now()
    await seedLarge(server.app.database.client, { keys, instances: Math.max(12, keys / 100), organizations: 3 })
    console.log(`${keys} keys seeded in ${Math.round((performance.now() - started) / 1000)} s`)
    for (const subject of ['member-0', 'member-7']) {
      for (const [label, document, variables] of cases) {
        const row = `${label}, ${subject === 'member-0' ? 'owner' : 'member'}`
        table.set(row, [...(table.get(row) ?? []), await time(server, document, variables, subject)])
      }
    }
    // Pages of a hundred: the first one, and one far behind, by its cursor.
    const first = dataOf(await server.graphql(documents.ApiKeysDocument, { first: 100 }, { subject: 'member-0', organization: 'seed-1' }))
    table.set('page 1', [...(table.get('page 1') ?? []), await time(server, documents.ApiKeysDocument, { first: 20 }, 'member-0')])
    const [far] = await server.sql<{ created_at: Date; id: string }>(
      'SELECT created_at, id FROM api_key WHERE organization_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 1',
      `org_${zero}`,
      Math.min(200_000, Math.floor(keys / 3) - 21),
    )
    const cursor = server.app.ports.cursors.seal(`keys:org_${zero}:CREATED_AT_DESC`, [far?.created_at.toISOString() ?? '', far?.id ?? ''])
    table.set('page 10,000', [...(table.get('page 10,000') ?? []), await time(server, documents.ApiKeysDocument, { first: 20, after: cursor }, 'member-0')])
    const [counted] = await server.sql<{ n: number }>('SELECT count(*)::int AS n FROM api_key WHERE organization_id = $1', `org_${zero}`)
    expect(first.apiKeys.totalCount).toBe(counted?.n)
    await server.close()
  }
  console.log(`milliseconds per request, median (least–most) of ${repetitions}, server, client and PostgreSQL on one machine`)
  console.log(`${''.padEnd(30)} ${sizes.map((size) => `${size.toLocaleString('en')} keys`.padStart(24)).join('')}`)
  for (const [row, times] of table) console.log(`${row.padEnd(30)} ${times.map((each) => each.padStart(24)).join('')}`)
})

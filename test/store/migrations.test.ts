import { randomBytes } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { openPostgres } from '../../src/store/client.ts'
import { drift } from '../../src/store/schema-engine.ts'
import { companyOfFile } from '../support/file-server.ts'
import { withDatabase } from '../support/postgres.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'

const { server, company } = await companyOfFile()

test('schema.prisma and the migrations agree', async () => {
  expect(await drift(new PGlite({ extensions: { pg_trgm } }))).toBeNull()
})

test('CF-14 two nodes that start at once on an empty database migrate it once', async () => {
  if (!onPostgres) {
    // The embedded database has one process: a second one is refused by the lock, see data-folder.test.ts.
    const [applied] = await server.sql<{ n: number }>('SELECT count(*)::int AS n FROM _prisma_migrations WHERE finished_at IS NOT NULL')
    expect(await server.app.database.migrate()).toEqual([])
    expect(applied?.n).toBeGreaterThan(0)
    return
  }
  const name = `empty_${randomBytes(6).toString('hex')}`
  const admin = new Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  const url = withDatabase(inject('postgresUrl'), name)
  const nodes = [openPostgres(url), openPostgres(url), openPostgres(url)]
  const applied = await Promise.all(nodes.map((node) => node.migrate()))
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
  expect(applied.flat()).toEqual([...new Set(applied.flat())])
  await Promise.all(nodes.map((node) => node.close()))
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  await admin.end()
})

const refusals: [what: string, sql: string][] = [
  ['a revocation is not taken back', 'UPDATE api_key SET revoked_at = NULL WHERE id = $1 RETURNING 1'],
  ['a revocation keeps its moment', "UPDATE api_key SET revoked_at = now() + interval '1 hour' WHERE id = $1 RETURNING 1"],
  ['an orphan is not adopted', 'UPDATE api_key SET orphan_reason = NULL WHERE id = $1 RETURNING 1'],
  ['a key does not move to another instance', "UPDATE api_key SET instance_id = (SELECT id FROM app_instance WHERE name = 'I2') WHERE id = $1 RETURNING 1"],
  ['a key is not deleted', 'DELETE FROM api_key WHERE id = $1 RETURNING 1'],
  ['an event does not change', 'UPDATE event SET subject_name = $1 RETURNING 1'],
  ['a counter is not negative', 'UPDATE key_count SET active = -1 WHERE subject_id <> $1 RETURNING 1'],
]

for (const [what, sql] of refusals) {
  test(`the database itself sees to it that ${what}`, async () => {
    const { id } = await company.createKey('ownA', company.I1)
    await server.sql("UPDATE api_key SET revoked_at = now(), orphan_reason = 'INSTANCE_DELETED' WHERE id = $1 RETURNING 1", id)
    await expect(server.sql(sql, id)).rejects.toThrow()
    const [row] = await server.sql<{ status: string; orphan_reason: string }>('SELECT status::text, orphan_reason::text FROM api_key WHERE id = $1', id)
    expect(row).toEqual({ status: 'REVOKED', orphan_reason: 'INSTANCE_DELETED' })
  })
}

test('OR-12 the status is exactly one of four, first match wins, whatever is written to it', async () => {
  for (const [revoked, orphaned, expired, status] of [
    [true, true, true, 'REVOKED'],
    [true, false, false, 'REVOKED'],
    [false, true, true, 'ORPHANED'],
    [false, true, false, 'ORPHANED'],
    [false, false, true, 'EXPIRED'],
    [false, false, false, 'ACTIVE'],
  ] as const) {
    const { id } = await company.createKey('ownA', company.I1)
    await server.sql(
      `UPDATE api_key SET status = 'ACTIVE', revoked_at = CASE WHEN $2 THEN now() END, expired_at = CASE WHEN $3 THEN now() END,
        orphan_reason = CASE WHEN $4 THEN 'CREATOR_REMOVED'::"OrphanReason" END WHERE id = $1 RETURNING 1`,
      id,
      revoked,
      expired,
      orphaned,
    )
    expect(await server.sql('SELECT status::text FROM api_key WHERE id = $1', id)).toEqual([{ status }])
  }
})

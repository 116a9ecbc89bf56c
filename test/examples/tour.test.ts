import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { loadDemo } from '../../src/cli/demo.ts'
import { serverOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'
import { authSecret } from '../support/server.ts'

const script = readFileSync('examples/tour.sh', 'utf8')
const server = await serverOfFile()

beforeAll(async () => {
  await loadDemo(server.app)
})

test('every line of the README tour stands in examples/tour.sh, in the same order', () => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```bash\n(.*?)```/gs)]
  const told = blocks.flatMap((block) => (block[1] ?? '').trim().split('\n'))
  const run = script.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('set '))
  expect(told.length).toBeGreaterThan(15)
  expect(told).toEqual(run)
})

test('the tour runs to its end and shows what the README promises', async () => {
  expect(spawnSync('jq', ['--version']).status).toBe(0)
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-tour-'))
  const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, URL: server.url, AUTH_SECRET: authSecret, DATA_DIR: folder }
  const { stdout } = await promisify(execFile)('bash', ['examples/tour.sh'], { env, timeout: 50_000 }).catch((error) => {
    throw new Error(`the tour stopped after:\n${error.stdout}\n${error.stderr}`)
  })
  rmSync(folder, { recursive: true, force: true })
  const lines = stdout.trim().split('\n')
  const [analyst, functions] = lines.map((line) => line.slice(0, 400))
  expect(JSON.parse(analyst ?? '')).toMatchObject({ name: 'Analyst' })
  expect(JSON.parse(functions ?? '')).toMatchObject({ name: 'Cloud Functions' })
  expect(stdout).toMatch(/"plaintext":"aura_[0-9a-z]{26}_[0-9A-Za-z]{49}"/)
  // What stands after a command is what it prints, with dots for what differs.
  let rest = lines
  for (const [, told = ''] of script.matchAll(/ {2}# (.+)$/gm)) {
    const pattern = told.replace(/, and .*$/, '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    const at = rest.findIndex((line) => new RegExp(`^${pattern.replaceAll('…', '.*')}$`).test(line))
    expect([told, at < 0 ? rest : 'is printed']).toEqual([told, 'is printed'])
    rest = rest.slice(at + 1)
  }
  const codes = lines
    .slice(4)
    .map((line) => /"code":"(\w+)"/.exec(line)?.[1])
    .filter(Boolean)
  expect(codes).toEqual(['VALID', 'REVOKED', 'ORPHANED', 'REVOKED'])
  expect(stdout).toContain('"NOT_FOUND"')
  expect(stdout).toContain('{"orphanedKeys":1}')
  const watched = lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)).data.keyCounts)
  expect(watched[0]).toMatchObject({ total: 0 })
  expect(watched.at(-1)).toMatchObject({ total: 0, orphaned: 0 })
  expect(watched.some((counts) => counts.orphaned === 1)).toBe(true)
  const versions = watched.map((counts) => counts.version)
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
})

test('the demo looks like a real company: four apps, a dozen instances, about sixty keys in all four statuses', async () => {
  const count = async (query: string): Promise<number> => Number((await server.sql<{ n: bigint }>(`SELECT count(*) AS n FROM ${query}`))[0]?.n)
  expect(await count("app WHERE organization_id = (SELECT id FROM organization WHERE slug = 'demo')")).toBe(4)
  expect(await count('app_instance')).toBeGreaterThanOrEqual(12)
  expect(await count('api_key')).toBeGreaterThanOrEqual(55)
  for (const status of ['ACTIVE', 'EXPIRED', 'ORPHANED', 'REVOKED']) expect(await count(`api_key WHERE status = '${status}'`)).toBeGreaterThan(3)
  expect(await count("api_key WHERE status = 'ACTIVE' AND expires_at < now() + interval '3 days'")).toBeGreaterThan(1)
  expect(await count('organization')).toBe(2)
})

test('after the tour the counts, the events and the rows of the demo agree', async () => {
  expect(await recount(server)).toEqual([])
  // Each status has as many keys as events tell of, and versions have no gap.
  const [told] = await server.sql(`
    SELECT count(*) FILTER (WHERE kind = 'API_KEY_CREATED') AS created, count(*) FILTER (WHERE kind = 'API_KEY_REVOKED') AS revoked,
      count(*) FILTER (WHERE kind = 'API_KEY_ORPHANED') AS orphaned, count(*) FILTER (WHERE kind = 'API_KEY_EXPIRED') AS expired,
      count(*) FILTER (WHERE kind = 'APP_CREATED') AS apps, count(*) FILTER (WHERE kind = 'INSTANCE_CREATED') AS instances,
      count(*) FILTER (WHERE kind = 'INSTANCE_DELETED') AS deleted, count(*) FILTER (WHERE kind = 'MEMBER_ADDED') AS members FROM event`)
  const [rows] = await server.sql(`
    SELECT count(*) AS created, count(revoked_at) AS revoked, count(orphan_reason) AS orphaned, count(expired_at) AS expired,
      (SELECT count(*) FROM app) AS apps, (SELECT count(*) FROM app_instance) AS instances, (SELECT count(deleted_at) FROM app_instance) AS deleted,
      (SELECT count(*) FROM member) AS members FROM api_key`)
  expect(told).toEqual(rows)
  expect(
    await server.sql(`SELECT o.slug FROM organization o WHERE o.version <> (SELECT count(*) FROM event e WHERE e.organization_id = o.id)
      OR o.version <> (SELECT max(e.version) FROM event e WHERE e.organization_id = o.id)`),
  ).toEqual([])
})

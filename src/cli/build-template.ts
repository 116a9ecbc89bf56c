import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose } from '../compose.ts'
import { loadConfig } from '../config.ts'
import { openPGlite } from '../store/client.ts'
import { readDemoRows } from '../store/demo-rows.ts'
import { dropOtherDatabases, packTemplate } from '../store/template.ts'
import { loadDemo } from './demo.ts'
import { demoFile, type MadeDemo } from './ensure-demo.ts'

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-template-'))

// initdb takes seconds and much memory: it runs once, here, and every start and every test begins with a copy.
const empty = join(folder, 'empty')
const database = await openPGlite(empty)
await database.migrate()
await dropOtherDatabases(database.client)
await database.close()
packTemplate(empty)

const now = new Date()
const app = await compose(loadConfig({ DATA_DIR: join(folder, 'demo') }), { clock: { now: () => new Date(now) } })
await loadDemo(app)
writeFileSync(demoFile, JSON.stringify({ made: now.toISOString(), rows: await readDemoRows(app.database.client) } satisfies MadeDemo))
await app.close()

rmSync(folder, { recursive: true, force: true })
process.exit(0)

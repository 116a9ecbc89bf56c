import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Pool } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { requireMigrator } from './rights.ts'
import { clientWith, utc } from './sessions.ts'

const schemaFile = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url))
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

const filters = { externalTables: [], externalEnums: [] }

interface Migrations {
  baseDir: string
  shadowDbInitScript: string
  lockfile: { path: string; content: string }
  migrationDirectories: { path: string; migrationFile: { path: string; content: { tag: 'ok'; value: string } } }[]
}

interface SchemaEngine {
  applyMigrations(input: { migrationsList: Migrations; filters: typeof filters }): Promise<{ appliedMigrationNames: string[] }>
  diff(input: object): Promise<{ exitCode: number; stdout: string | null }>
  free(): void
}

interface Bindings {
  __wbg_set_wasm(exports: object): void
  SchemaEngine: { new: (options: object, log: () => void, adapter: object) => Promise<SchemaEngine> }
}

/** The part of WebAssembly that is used; its types come only with those of a browser. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: { __wbindgen_start: () => void } }
}

/** Prisma's schema engine in its WebAssembly form. Node cannot import its `.wasm`, so the module is instantiated here. */
async function loadBindings(): Promise<Bindings> {
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm')
  const glue = entry.replace('schema_engine.js', 'schema_engine_bg.js')
  const bindings: Bindings = await import(pathToFileURL(glue).href)
  const code = new WebAssembly.Module(readFileSync(glue.replace('.js', '.wasm')))
  const instance = new WebAssembly.Instance(code, { './schema_engine_bg.js': bindings })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return bindings
}

async function readMigrations(): Promise<Migrations> {
  const folders = (await readdir(migrationsFolder, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  const names = folders.map((entry) => entry.name).sort()
  return {
    baseDir: migrationsFolder,
    shadowDbInitScript: '',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    migrationDirectories: await Promise.all(
      names.map(async (path) => ({
        path,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(`${migrationsFolder}/${path}/migration.sql`, 'utf8') },
        },
      })),
    ),
  }
}

let loaded: Promise<Bindings> | null = null

// Once per process: what an older instance of the module leaves to free would be freed in the newer one.
const bindings = (): Promise<Bindings> => (loaded ??= loadBindings())

async function withEngine<T>(factory: SqlMigrationAwareDriverAdapterFactory, use: (engine: SchemaEngine, schema: string) => Promise<T>): Promise<T> {
  const [{ SchemaEngine }, schema] = await Promise.all([bindings(), readFile(schemaFile, 'utf8')])
  const adapter = bindMigrationAwareSqlAdapterFactory(factory)
  const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter)
  try {
    return await use(engine, schema)
  } finally {
    engine.free()
  }
}

const finished = 'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL'

async function applyMigrations(factory: SqlMigrationAwareDriverAdapterFactory, query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<string[]> {
  const migrationsList = await readMigrations()
  // The engine takes 60 MB and half a second; most starts do not need it.
  const applied = new Set(
    await query(finished).then(
      ({ rows }) => rows.map((row) => (row as { name: string }).name),
      () => [],
    ),
  )
  if (migrationsList.migrationDirectories.every(({ path }) => applied.has(path))) return []
  await requireMigrator(query)
  return withEngine(factory, async (engine) => (await engine.applyMigrations({ migrationsList, filters })).appliedMigrationNames)
}

/** Applies missing migrations of `prisma/migrations` to an open PGlite and returns their names. */
export const migratePGlite = (pglite: PGlite): Promise<string[]> => applyMigrations(new PrismaPGlite(pglite), (sql) => pglite.query(sql))

/** The same for PostgreSQL. A migration that fails leaves nothing behind: each is sent whole, as one implicit transaction. */
export async function migratePostgres(connectionString: string): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 2, Client: clientWith(utc) })
  // Connections still close after `end` has resolved; without a listener their errors would end the process.
  pool.on('error', () => {})
  const factory = new PrismaPg(pool)
  const connect = factory.connect.bind(factory)
  // adapter-pg splits a script at every semicolon, which breaks functions, and sends the pieces over a pool.
  factory.connect = async () => {
    const connection = await connect()
    // The adapter keeps it private.
    const { client } = connection as unknown as { client: { query(script: string): Promise<unknown> } }
    connection.executeScript = async (script) => void (await client.query(script))
    return connection
  }
  try {
    return await applyMigrations(factory, (sql) => pool.query(sql))
  } finally {
    await pool.end()
  }
}

/** Returns the SQL from the migrations to `schema.prisma`; null if they agree. `pglite` is an empty scratch database. */
export async function drift(pglite: PGlite): Promise<string | null> {
  const migrations = await readMigrations()
  return withEngine(new PrismaPGlite(pglite), async (engine, schema) => {
    const from = migrations.migrationDirectories.length === 0 ? { tag: 'empty' } : { tag: 'migrations', ...migrations }
    const to = { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] }
    const answer = await engine.diff({ from, to, script: true, exitCode: true, shadowDatabaseUrl: null, filters })
    return answer.exitCode === 0 ? null : answer.stdout
  })
}

import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Pool } from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { MigrationFailed, prepareMigrations, recorded } from './applied.ts'
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

interface Store {
  query(sql: string): Promise<{ rows: unknown[] }>
  /** Sends a script of several statements as one implicit transaction. */
  run(script: string): Promise<unknown>
}

/** Sends scripts by `run`: Prisma's adapters split them at every semicolon, which breaks functions, or wait for no response. */
function sendingScripts(factory: SqlMigrationAwareDriverAdapterFactory, run: (script: string) => Promise<unknown>): SqlMigrationAwareDriverAdapterFactory {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => Object.assign(await connect(), { executeScript: async (script: string) => void (await run(script)) })
  return factory
}

/** Applies what is missing and returns the names. Each migration is one transaction, which also records that it is finished. */
async function applyMigrations(factory: SqlMigrationAwareDriverAdapterFactory, { query, run }: Store): Promise<string[]> {
  const migrationsList = await readMigrations()
  // The engine takes 60 MB and half a second; most starts do not need it.
  const names = migrationsList.migrationDirectories.map(({ path }) => path)
  if (!(await prepareMigrations(query, names))) return []
  const nameOf = new Map(migrationsList.migrationDirectories.map(({ path, migrationFile }) => [migrationFile.content.value, path]))
  // What was sent on behalf of the engine and failed; its own errors quote scripts, and have no code.
  let failure: unknown = null
  const send = async (script: string): Promise<void> => {
    const name = nameOf.get(script)
    await run(name === undefined ? script : recorded(name, script)).catch((error: unknown) => {
      failure = name === undefined ? error : new MigrationFailed(name, error)
      throw error
    })
  }
  const apply = (engine: SchemaEngine): Promise<{ appliedMigrationNames: string[] }> => engine.applyMigrations({ migrationsList, filters })
  return withEngine(sendingScripts(factory, send), async (engine) => (await apply(engine)).appliedMigrationNames).catch((error: unknown) => {
    throw failure ?? error
  })
}

/** Applies missing migrations of `prisma/migrations` to an open PGlite and returns their names. */
export const migratePGlite = (pglite: PGlite): Promise<string[]> =>
  applyMigrations(new PrismaPGlite(pglite), { query: (sql) => pglite.query(sql), run: (script) => pglite.exec(script) })

/** The same for PostgreSQL. */
export async function migratePostgres(connectionString: string): Promise<string[]> {
  const pool = new Pool({ connectionString, max: 2, Client: clientWith(utc) })
  // Connections still close after `end` has resolved; without a listener their errors would end the process.
  pool.on('error', () => {})
  try {
    return await applyMigrations(new PrismaPg(pool), { query: (sql) => pool.query(sql), run: (script) => pool.query(script) })
  } finally {
    await pool.end()
  }
}

/** Returns the SQL from the migrations to `schema.prisma`; null if they agree. `pglite` is an empty scratch database, with the extension pg_trgm. */
export async function drift(pglite: PGlite): Promise<string | null> {
  const migrations = await readMigrations()
  const factory = new PrismaPGlite(pglite)
  // The adapter's own scratch database has no extensions.
  factory.connectToShadowDb = () => factory.connect()
  return withEngine(factory, async (engine, schema) => {
    const from = migrations.migrationDirectories.length === 0 ? { tag: 'empty' } : { tag: 'migrations', ...migrations }
    const to = { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] }
    const answer = await engine.diff({ from, to, script: true, exitCode: true, shadowDatabaseUrl: null, filters })
    return answer.exitCode === 0 ? null : answer.stdout
  })
}

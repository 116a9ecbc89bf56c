import { MissingRight, requireMigrator } from './rights.ts'

type Query = (sql: string) => Promise<{ rows: unknown[] }>

/** A row of Prisma's table of migrations. One that is not finished was cut: nothing of it is in the database. */
interface Applied {
  readonly name: string
  readonly isFinished: boolean
}

/** The database does not fit this version; the message says why and what to do. */
export class WrongSchema extends Error {
  override readonly name = 'WrongSchema'
}

/** A migration was refused; nothing of it is in the database. The cause is the driver's error. */
export class MigrationFailed extends Error {
  override readonly name = 'MigrationFailed'
  readonly migration: string

  constructor(migration: string, cause: unknown) {
    super(`the migration ${migration} failed`, { cause })
    this.migration = migration
  }
}

/** At the end of a migration's name: earlier versions may serve the database after it. */
export const compatibleSuffix = '_compatible'

const known = `SELECT migration_name AS name, finished_at IS NOT NULL AS "isFinished" FROM _prisma_migrations WHERE rolled_back_at IS NULL`

/** A table of somebody else in public; those of extensions do not count. */
const firstTable = `SELECT quote_ident(c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relname <> '_prisma_migrations' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1 LIMIT 1`

/** What Prisma's `migrate resolve --rolled-back` does. */
const forgetCut = 'UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL AND rolled_back_at IS NULL'

// PostgreSQL runs a script to its end although the process that sent it was killed; whoever starts meanwhile waits for that.
const wait = 'SELECT pg_advisory_xact_lock(7283645121)'

/** The script of a migration with what records that it is finished, in one implicit transaction: a process that is killed leaves both or neither. */
export const recorded = (name: string, script: string): string =>
  `${wait};\n${script}\n;UPDATE _prisma_migrations SET finished_at = now() WHERE migration_name = '${name}' AND finished_at IS NULL AND rolled_back_at IS NULL`

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

async function read(query: Query): Promise<Applied[] | null> {
  try {
    return (await query(known)).rows as Applied[]
  } catch (error) {
    if (codeOf(error) === '42P01') return null
    if (codeOf(error) !== '42501') throw error
    await requireMigrator(query)
    throw new MissingRight('The role of DATABASE_URL may not read the table _prisma_migrations. Grant what docs/operating.md says (Two roles).')
  }
}

/** Throws if a version of the future was here, or another program. */
function requireKnown(applied: readonly Applied[], ours: readonly string[]): void {
  const unknown = applied.filter(({ name, isFinished }) => isFinished && !ours.includes(name) && !name.endsWith(compatibleSuffix)).map(({ name }) => name)
  if (unknown.length === 0) return
  const isOurs = applied.some(({ name }) => ours.includes(name))
  throw new WrongSchema(
    isOurs
      ? `The database was migrated by a newer version of aura-keys, by ${unknown.join(', ')}, which this version does not know. Start the newer version, or restore a backup from before it (docs/operating.md, Upgrade).`
      : `The database belongs to another program, which has migrated it with Prisma too (${unknown[0]}). Give aura-keys a database of its own: CREATE DATABASE aura`,
  )
}

/**
 * Whether any of these migrations is to be applied. Throws if the database is not for this version, or the role may not migrate it. Migrations that
 * were cut are made free to be applied again.
 */
export async function prepareMigrations(query: Query, ours: readonly string[]): Promise<boolean> {
  await query(wait)
  const applied = await read(query)
  requireKnown(applied ?? [], ours)
  const finished = new Set(applied?.filter(({ isFinished }) => isFinished).map(({ name }) => name))
  if (ours.every((name) => finished.has(name))) return false
  await requireMigrator(query)
  const [table] = applied?.length ? [] : ((await query(firstTable)).rows as { name: string }[])
  if (table) {
    throw new WrongSchema(
      `The database has tables of another program in the schema public, such as ${table.name}. Give aura-keys a database of its own: CREATE DATABASE aura`,
    )
  }
  if (applied?.some(({ isFinished }) => !isFinished)) await query(forgetCut)
  return true
}

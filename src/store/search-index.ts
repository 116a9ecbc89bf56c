import type { Database } from './client.ts'
import { explainDatabase } from './start-failures.ts'

const tables = ['api_key', 'app_instance', 'member'] as const
const indexOf = (table: string): string => `${table}_trigrams_idx`

interface State {
  /** The schema of the extension; null: the database does not have it. */
  readonly place: string | null
  readonly made: readonly string[]
  readonly isOwner: boolean
}

async function stateOf({ client }: Pick<Database, 'client'>): Promise<State> {
  const [state] = await client.$queryRaw<State[]>`
    SELECT (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm') AS place,
      ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(${tables.map(indexOf)}) AND i.indisvalid) AS made,
      (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'public.api_key'::regclass) AS "isOwner"`
  if (!state) throw new Error('no state of the indexes')
  return state
}

/** Beside writes of other nodes. What an interrupted start left behind is made anew. */
async function make(database: Pick<Database, 'client'>): Promise<void> {
  const { place, made } = await stateOf(database)
  for (const table of tables) {
    const index = indexOf(table)
    if (place === null || made.includes(index)) continue
    await database.client.$executeRawUnsafe(`DROP INDEX CONCURRENTLY IF EXISTS "public"."${index}"`)
    const operators = `"${place.replaceAll('"', '""')}".gin_trgm_ops`
    await database.client.$executeRawUnsafe(`CREATE INDEX CONCURRENTLY "${index}" ON "public"."${table}" USING GIN ("trigrams" ${operators})`)
  }
}

const withoutThem = 'Until then each search reads every name of the organization.'

/**
 * Makes the indexes that the migration could not make, since the database did not have the extension pg_trgm then. Where it still has none, search
 * works without them, and `warn` says how to get it.
 */
export async function makeSearchIndexes(database: Pick<Database, 'client' | 'alone'>, warn: (message: string) => void): Promise<void> {
  const { place, made, isOwner } = await stateOf(database)
  if (made.length === tables.length) return
  if (place === null) {
    warn(`The database has no extension pg_trgm. Run in it, as a superuser: CREATE EXTENSION pg_trgm. Then start again. ${withoutThem}`)
  } else if (!isOwner) {
    warn(`The indexes of search are missing. Run aura-keys migrate as the role that owns the tables. ${withoutThem}`)
  } else {
    const made = database.alone(
      () => make(database),
      () => warn('Another node makes the indexes of search; this one waits for it.'),
    )
    // Such as a backup that runs for hours, whose end they would have to await.
    await made.catch((error: unknown) =>
      warn(`The indexes of search could not be made. ${explainDatabase(error, undefined) ?? (error as Error).name} The next start tries again. ${withoutThem}`),
    )
  }
}

/** The database's role lacks a right; the message says which role has it. */
export class MissingRight extends Error {
  override readonly name = 'MissingRight'
}

/** Whether the role owns what migrations change, or may create it. A role without rights on the schema can read the catalog too. */
const mayMigrate = `SELECT coalesce(
  (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relname = '_prisma_migrations'),
  (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'public'),
  has_database_privilege(current_database(), 'CREATE')) AS may`

/** Throws before anything starts: a migration that fails half way must be repaired by hand. */
export async function requireMigrator(query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<void> {
  const [row] = (await query(mayMigrate)).rows as { may: boolean }[]
  if (row?.may) return
  throw new MissingRight(
    'The database is to be migrated first, and the role of DATABASE_URL may not: run aura-keys migrate as the role that owns the tables, then grant what the README says (Two roles).',
  )
}

/** The database's role lacks a right; the message says which role has it. */
export class MissingRight extends Error {
  override readonly name = 'MissingRight'
}

/**
 * Whether the role owns what migrations change, or may create it, and whether there is anything yet. A role without rights on the schema can read the
 * catalog too.
 */
const asked = `SELECT coalesce(
    (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relname = '_prisma_migrations'),
    (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'public'),
    has_database_privilege(current_database(), 'CREATE')) AS may,
  EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = '_prisma_migrations') AS begun,
  quote_ident(current_user) AS role`

/** Throws before anything starts. */
export async function requireMigrator(query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<void> {
  const [row] = (await query(asked)).rows as { may: boolean; begun: boolean; role: string }[]
  if (row?.may) return
  throw new MissingRight(
    row?.begun
      ? 'The database is to be migrated first, and the role of DATABASE_URL may not: run aura-keys migrate as the role that owns the tables, then grant what docs/operating.md says (Two roles).'
      : `The role ${row?.role} may not make tables in the schema public. As its owner run: GRANT USAGE, CREATE ON SCHEMA public TO ${row?.role}`,
  )
}

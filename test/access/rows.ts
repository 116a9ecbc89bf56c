import type { TestServer } from '../support/server.ts'

/** Columns that move by themselves: a node's sign of life. */
const moving: Readonly<Record<string, string>> = { node: 'seen_at' }

/** Every row of every table of the public schema, by table, so that a difference shows where it is. */
export async function everyRow(server: TestServer): Promise<Record<string, string[]>> {
  // What verifications gathered is written now, not in the midst of what is compared.
  await server.app.sweep()
  const tables = await server.sql<{ name: string }>(
    "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
  )
  if (tables.length < 14) throw new Error('tables are missing')
  const rows: Record<string, string[]> = {}
  for (const { name } of tables) {
    const found = await server.sql<{ row: string }>(`SELECT (to_jsonb(t) - '${moving[name] ?? ''}')::text AS row FROM "${name}" t ORDER BY 1`)
    rows[name] = found.map(({ row }) => row)
  }
  return rows
}

/** What the log says of refusals since it was last emptied, in order. */
export const refusalsOf = (server: TestServer): Record<string, unknown>[] =>
  server.log.filter(({ message }) => message === 'refused').map(({ fields }) => fields as Record<string, unknown>)

/** How many refusals the metrics count, by code. */
export async function countedRefusals(server: TestServer): Promise<Record<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Object.fromEntries([...text.matchAll(/^aura_keys_refusals_total\{code="(\w+)"\} (\d+)$/gm)].map(([, code = '', count]) => [code, Number(count)]))
}

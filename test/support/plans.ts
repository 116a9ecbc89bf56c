import { Client } from 'pg'
import { vi } from 'vitest'
import { isBackground } from './background.ts'
import { requestStatements, type TestServer } from './server.ts'

/** A node of PostgreSQL's plan, with what running it read. */
interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'One-Time Filter'?: string
  'Rows Removed by Index Recheck'?: number
  Plans?: Plan[]
}

/** Tables that grow; the others are small. */
const large = ['api_key', 'key_use', 'key_digest', 'key_count', 'event', 'secret', 'member', 'app_instance', 'instance_access', 'idempotent_create']

const below = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(below)]

async function explain(server: TestServer, sql: string, options: string, values: readonly string[] | null, asItRuns = false): Promise<Plan> {
  const parameters = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
  const given = parameters === 0 ? '' : `(${(values ?? Array(parameters).fill('NULL')).join(', ')})`
  const rows = await server.app.database.client.$transaction(async (session) => {
    // Searches are never prepared: they are planned for their values.
    await session.$executeRawUnsafe(`SET LOCAL plan_cache_mode = force_${values && /"(folded|trigrams)"/.test(sql) ? 'custom' : 'generic'}_plan`)
    // On a copy this small reading everything would often be cheapest: so only what has no index at all is read so.
    if (!asItRuns) await session.$executeRawUnsafe('SET LOCAL enable_seqscan = off')
    await session.$executeRawUnsafe(`PREPARE explained AS ${sql}`)
    const plan = await session.$queryRawUnsafe<{ 'QUERY PLAN': { Plan: Plan }[] | string }[]>(`EXPLAIN (${options}FORMAT JSON) EXECUTE explained${given}`)
    await session.$executeRawUnsafe('DEALLOCATE explained')
    return plan
  })
  const plan = rows[0]?.['QUERY PLAN']
  const [explained] = typeof plan === 'string' ? (JSON.parse(plan) as { Plan: Plan }[]) : (plan ?? [])
  if (!explained) throw new Error('no plan')
  return explained.Plan
}

/** What runs only if a condition says so that the statement finds out first: as a search gathers what it did not find near. */
const ungated = (plan: Plan): Plan[] => (plan['One-Time Filter'] ? [] : [plan, ...(plan.Plans ?? []).flatMap(ungated)])

/**
 * Large tables that a statement reads from end to end, or sorts whole, whatever values stand in for its placeholders. What a search may gather is left out:
 * search-plans counts the rows that it reads.
 */
export const scanned = async (server: TestServer, sql: string): Promise<string[]> =>
  ungated(await explain(server, sql, '', null)).flatMap((node) => {
    const name = node['Relation Name'] ?? ''
    if (node['Node Type'] === 'Seq Scan' && large.includes(name)) return [name]
    const sorted = node['Node Type'] === 'Sort' ? ungated(node).find((inner) => ['api_key', 'event'].includes(inner['Relation Name'] ?? '')) : undefined
    return sorted ? [`sort of ${sorted['Relation Name']}`] : []
  })

/** A value of Prisma's log as a literal. */
const literal = (value: unknown): string => {
  if (value === null) return 'NULL'
  const text = Array.isArray(value) ? `{${value.map((each) => JSON.stringify(String(each))).join(',')}}` : String(value)
  return `'${text.replaceAll("'", "''")}'`
}

/**
 * Runs a statement again, with the values it had, and counts the rows that it reads of large tables, whether it uses them or not. `asItRuns`: also by
 * reading everything, where that is cheapest.
 */
export async function rowsRead(server: TestServer, statement: { sql: string; parameters: readonly unknown[] }, asItRuns = false): Promise<number> {
  const plan = await explain(server, statement.sql, 'ANALYZE, ', statement.parameters.map(literal), asItRuns)
  return below(plan)
    .filter((node) => large.includes(node['Relation Name'] ?? ''))
    .reduce((sum, node) => {
      const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
      return sum + rows * (node['Actual Loops'] ?? 0)
    }, 0)
}

/** Runs a statement again, with the values it had, and counts how often it turns to a table. */
export async function timesRead(server: TestServer, statement: { sql: string; parameters: readonly unknown[] }, table: string): Promise<number> {
  const plan = await explain(server, statement.sql, 'ANALYZE, ', statement.parameters.map(literal))
  return below(plan).reduce((sum, node) => sum + (node['Relation Name'] === table ? (node['Actual Loops'] ?? 0) : 0), 0)
}

export interface Statement {
  sql: string
  parameters: unknown[]
}

/** Calls `sent` for each statement, with its values: the driver sees all, Prisma only its own, which are all on the embedded database. */
function watchStatements({ app: { database } }: TestServer, sent: (sql: string, parameters: unknown[]) => void): void {
  if (database.kind === 'postgresql') {
    const query = Client.prototype.query as (...given: unknown[]) => unknown
    vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...given: unknown[]) {
      const { text, values = [] } = given[0] as { text?: string; values?: unknown[] }
      if (text !== undefined) sent(text, values)
      return query.apply(this, given) as never
    })
    return
  }
  const client = database.client as unknown as { $on(event: 'query', take: (event: { query: string; params: string }) => void): void }
  client.$on('query', ({ query, params }) => sent(query, JSON.parse(params) as unknown[]))
}

/** Keeps the statements of requests, with their values; `take` answers those since it was last called. */
export function recordStatements(server: TestServer): { take(): Statement[] } {
  let recorded: Statement[] = []
  watchStatements(server, (sql, parameters) => {
    // What runs beside the requests has no part in what they cost.
    if (!isBackground() && requestStatements({ statements: [sql] }).length > 0) recorded.push({ sql, parameters })
  })
  return {
    take: () => {
      const taken = recorded
      recorded = []
      return taken
    },
  }
}

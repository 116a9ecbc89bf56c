import type { TestServer } from './server.ts'

/**
 * The plan of a statement with placeholders, as text: for these values, in SQL, or whatever values stand in for them. On copies this small reading everything is often cheapest: so only what has no index is read so.
 */
export const planOf = ({ app }: TestServer, sql: string, ...given: string[]): Promise<string> =>
  app.database.client.$transaction(async (session) => {
    const parameters = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
    await session.$executeRawUnsafe(`SET LOCAL plan_cache_mode = force_${given.length > 0 ? 'custom' : 'generic'}_plan`)
    await session.$executeRawUnsafe('SET LOCAL enable_seqscan = off')
    await session.$executeRawUnsafe(`PREPARE explained AS ${sql}`)
    const values = parameters === 0 ? '' : `(${(given.length > 0 ? given : Array(parameters).fill('NULL')).join(', ')})`
    const lines = await session.$queryRawUnsafe<{ 'QUERY PLAN': string }[]>(`EXPLAIN EXECUTE explained${values}`)
    await session.$executeRawUnsafe('DEALLOCATE explained')
    return lines.map((line) => line['QUERY PLAN']).join('\n')
  })

import { type Client, setLocally } from './client.ts'
import { MissingRight } from './rights.ts'

/** How far the demo is: null if its loading never began. */
export async function demoState(client: Client): Promise<'loading' | 'loaded' | null> {
  const row = await client.setting.findUnique({ where: { name: 'demo' }, select: { value: true } })
  return row ? (row.value as 'loading' | 'loaded') : null
}

export const setDemoState = (client: Client, value: 'loading' | 'loaded') =>
  client.setting.upsert({ where: { name: 'demo' }, create: { name: 'demo', value }, update: { value }, select: { name: true } })

/** Empties a database that holds only half of a demo; deletes nothing, and returns false, if there is another organization. */
export const discardHalfDemo = (client: Client, slugs: readonly string[]): Promise<boolean> =>
  client.$transaction(async (statements) => {
    await setLocally(statements, 0)
    const [row] = await statements.$queryRaw<{ may: boolean }[]>`SELECT has_table_privilege('organization', 'TRUNCATE') AS may`
    if (!row?.may) throw new MissingRight('Half of a demo is removed by the role that owns the tables: start once with a DATABASE_URL of that one.')
    // No organization may be added between the check and the deletion.
    await statements.$executeRaw`LOCK TABLE organization IN ACCESS EXCLUSIVE MODE`
    const others = await statements.organization.count({ where: { slug: { notIn: [...slugs] } } })
    if (others === 0) {
      await statements.$queryRaw`SELECT set_config('aura_keys.deletes_events', 'on', true)`
      // Keys and events are never deleted row by row. Every table of an organization refers to it, except the counters.
      await statements.$executeRaw`TRUNCATE organization, key_count CASCADE`
    }
    return others === 0
  })

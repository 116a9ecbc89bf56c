import { byPrisma, type Client } from './client.ts'
import { setLocally } from './organization-lock.ts'

type Row = Readonly<Record<string, unknown>>

/** The tables that the demo fills, parents before children, and columns that each database fills itself; triggers fill the other tables. */
const tables = {
  organization: ['denial_mark', 'change_mark', 'created_at'],
  member: [],
  app: [],
  app_instance: [],
  instance_access: [],
  api_key: [],
  key_digest: [],
  event: [],
} as const
const names = Object.keys(tables) as (keyof typeof tables)[]

/** Rows as PostgreSQL writes them in JSON. */
export type DemoRows = Readonly<Record<keyof typeof tables, readonly Row[]>>

/** All rows of a database that holds only the demo. */
export async function readDemoRows(client: Client): Promise<DemoRows> {
  const rows: Partial<Record<keyof DemoRows, Row[]>> = {}
  for (const name of names) {
    const read = await client.$queryRawUnsafe<{ row: Row }[]>(`SELECT to_jsonb(t) - $1::text[] AS row FROM "${name}" t`, tables[name])
    rows[name] = read.map(({ row }) => row)
  }
  return rows as DemoRows
}

/** Inserts the rows and notes that the demo is loaded: all of it or nothing. */
export const insertDemoRows = (client: Client, rows: DemoRows): Promise<void> =>
  client.$transaction(async (statements) => {
    await setLocally(byPrisma(statements), 0)
    for (const name of names) {
      const columns = Object.keys(rows[name][0] ?? {}).join()
      await statements.$executeRawUnsafe(
        `INSERT INTO "${name}" (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::"${name}", $1::jsonb)`,
        JSON.stringify(rows[name]),
      )
    }
    const value = 'loaded'
    await statements.setting.upsert({ where: { name: 'demo' }, create: { name: 'demo', value }, update: { value }, select: { name: true } })
  })

export const isDemoLoaded = async (client: Client): Promise<boolean> =>
  (await client.setting.findUnique({ where: { name: 'demo' }, select: { value: true } }))?.value === 'loaded'

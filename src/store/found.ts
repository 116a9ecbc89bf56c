import { Prisma, type Statements } from './client.ts'
import { sqlOf } from './conditions.ts'
import { columnOf, tableOf } from './tables.ts'

/**
 * Rows that a search looks at along its order, for each row of the page, before it gathers what matches: among all keys of an organization, of which a
 * member may see one in fifty, and in smaller lists.
 */
const maxWalkedPerRow = { keys: 100, fewer: 40 }
/** A smaller page looks at as many rows as one of this size. */
const smallPage = 20

export interface Search {
  readonly model: 'ApiKey' | 'KeyUse' | 'Member'
  /** Conditions that an index has before the columns of the order. */
  readonly along: object
  /** All others. */
  readonly matching: object
  /** The last column is unique, and is what is returned. */
  readonly orderBy: readonly object[]
  readonly take: number
  readonly among: keyof typeof maxWalkedPerRow
}

/**
 * Ids of a page of rows that a text is searched in. Such a page is near in its order if many rows match; else few do, and sorting them is quick. But
 * many can match that are all far away, which no statistics tell: so the order's index is walked for a bounded number of rows, and only if they do
 * not fill the page, all that match are gathered by whatever index finds them soonest. OFFSET 0 keeps the order out of that choice.
 */
export async function idsFound(client: Statements, { model, along, matching, orderBy, take, among }: Search): Promise<string[]> {
  const order = orderBy.flatMap((each) => Object.entries(each) as [string, 'asc' | 'desc'][])
  const columns = Prisma.raw(order.map(([field]) => columnOf(field)).join())
  const ordered = Prisma.raw(order.map(([field, direction]) => `${columnOf(field)} ${direction}`).join())
  const [from, first, rest] = [Prisma.raw(tableOf(model).name), sqlOf(along, 't', model), sqlOf(matching, 't', model)]
  const walked = maxWalkedPerRow[among] * Math.max(take, smallPage)
  const isFull = Prisma.sql`EXISTS (SELECT 1 FROM near OFFSET ${take - 1})`
  const rows = await client.$queryRaw<{ id: string }[]>`
    WITH near AS MATERIALIZED (
      SELECT ${columns} FROM (SELECT * FROM ${from} t WHERE ${first} ORDER BY ${ordered} LIMIT ${walked}) t WHERE ${rest} ORDER BY ${ordered} LIMIT ${take}
    )
    SELECT ${Prisma.raw(columnOf(order.at(-1)?.[0] ?? ''))} AS id FROM (
      SELECT * FROM near WHERE ${isFull}
      UNION ALL
      SELECT * FROM (SELECT ${columns} FROM ${from} t WHERE ${first} AND ${rest} OFFSET 0) every WHERE NOT ${isFull}
    ) page ORDER BY ${ordered} LIMIT ${take}`
  return rows.map(({ id }) => id)
}

import type { ObjectRef } from '@pothos/core'
import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { unavailable } from '../errors.ts'
import type { IdPrefix } from '../ids.ts'
import { builder, type SchemaTypes, type Total } from './builder.ts'
import type { Context } from './context.ts'
import { type Keyset, type KeysetOrder, keyset, type PageArguments } from './pages.ts'
import { PlannedInfo, rowsOfPage } from './planned-selection.ts'
import { cost } from './price.ts'

interface Texts {
  readonly page: string
  readonly row: string
  readonly total: string
}

/** A page as resolvers return it. */
export type Page<Row> = ReturnType<Keyset<Row>['connect']> & SchemaTypes['Connection']

/**
 * Creates the connection and edge types for these rows. `limited`: counting can stop early, which `totalCountIsExact` shows; the list
 * declares that cost itself. Any other count is one statement for all pages of one step.
 */
export function countedConnection<Row extends object>(type: ObjectRef<typeof builder.$inferSchemaTypes, Row>, name: string, texts: Texts, limited = false) {
  return builder.connectionObject(
    {
      type,
      name: `${name}Connection`,
      description: texts.page,
      fields: (t) => ({
        totalCount: t.int({
          description: texts.total,
          ...(limited ? {} : { extensions: cost({ statements: 1 }) }),
          resolve: async (page) => (await page.count()).total,
        }),
        ...(limited
          ? {
              totalCountIsExact: t.boolean({
                description: 'False: there are more than totalCount says.',
                resolve: async (page) => (await page.count()).isExact,
              }),
            }
          : {}),
      }),
    },
    { name: `${name}Edge`, description: texts.row },
  )
}

/** Runs a count at most once, and only when a client selects it. */
const once = (count: () => Promise<Total>): (() => Promise<Total>) => {
  let taken: Promise<Total> | null = null
  return () => (taken ??= count())
}

export const exactly = (total: number): Total => ({ total, isExact: true })
/** For a count that stops at one above the limit. */
export const upTo = (limit: number, count: number): Total => ({ total: Math.min(count, limit), isExact: count <= limit })

/** Returns the rows of a page as a connection. */
export const connectionOf = <Row extends object>(page: Keyset<Row>, rows: readonly Row[], count: () => Promise<Total>): Page<Row> => ({
  ...page.connect(rows),
  count: once(count),
})

/** The query for a connection's rows: the client's selection, and what the order needs. */
export const queryOfRows = <const Select extends Record<string, true | object>>(
  context: Context,
  info: GraphQLResolveInfo | PlannedInfo,
  typeName: string,
  select: Select,
): { select: Select } => {
  if (info instanceof PlannedInfo) return { select: info.pageOf(select) as Select }
  return queryFromInfo({ context, info, typeName, path: rowsOfPage, select: select as Record<string, true> }) as { select: Select }
}

/** Reads of a page whose rows leave the scope meanwhile. */
const maxTries = 3

/** Reads the ids of a page, then its rows; the query selects what `Row` has. */
export async function rowsOfIds<Row>({ rows }: Context, kind: IdPrefix, query: object, read: () => Promise<readonly string[]>): Promise<Row[]> {
  for (let tries = 0; tries < maxTries; tries++) {
    const ids = await read()
    const found = await Promise.all(ids.map((id) => rows.load(kind, query, id)))
    // A row left the scope in between: a page without it would look like the last one.
    if (!found.includes(null)) return found as Row[]
  }
  throw unavailable('Rows of this page go out of sight while it is read. Try again.')
}

interface List<Row> {
  /** Binds cursors to this list. */
  readonly name: string
  readonly order: KeysetOrder<Row>
  readonly read: (page: Keyset<Row>['query']) => Promise<readonly Row[]>
  readonly count: () => Promise<Total>
}

/** Reads one page of an organization's list. */
export async function readPage<Row extends object>(
  list: PageArguments,
  { ports, scope }: Context,
  { name, order, read, count }: List<Row>,
): Promise<Page<Row>> {
  const page = keyset(list, order, ports.cursors, `${name}:${scope.organizationId}`)
  return connectionOf(page, await read(page.query), count)
}

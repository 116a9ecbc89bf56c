import { type CustomTypesConfig, types as parsers, type QueryConfig } from 'pg'
import { Prisma } from '../generated/prisma/client.ts'

/** How statements without Prisma are read: the driver's own parser of times knows fewer forms than sessions write. */
const plainTypes: CustomTypesConfig = {
  getTypeParser: ((type: number, format?: 'text') => {
    if (type === parsers.builtins.TIMESTAMPTZ) return (text: string) => new Date(text)
    return type === parsers.builtins.INT8 ? BigInt : parsers.getTypeParser(type, format)
  }) as CustomTypesConfig['getTypeParser'],
}

/** A failure in the form that statements of Prisma have, for those who tell failures apart; the driver's own message holds values. */
export function failureOf(error: unknown): unknown {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return error
  return new Prisma.PrismaClientKnownRequestError('a statement failed', { code: 'P2010', clientVersion: '', meta: { code } })
}

export function failed(error: unknown): never {
  throw failureOf(error)
}

const isOfSql = (value: unknown): boolean =>
  value === null || typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array || (Array.isArray(value) && value.every(isOfSql))

/**
 * Returns the statement if its values have types of SQL: drivers would write another object as JSON, into a column of text too. Throws as Prisma does
 * where it knows the columns, without the values.
 */
export function wellTyped(statement: Prisma.Sql): Prisma.Sql {
  if (!statement.values.every(isOfSql)) throw new Prisma.PrismaClientValidationError('a value of a statement is an object', { clientVersion: '' })
  return statement
}

/** How many statements are prepared on each connection: those that are written from callers' selections, unlimited in number, and our own. */
const maxPrepared = { chosen: 150, own: 150 }
/** What Prisma writes, and what `selected` and `counted` do. */
const isChosen = /^(SELECT ("|COUNT|coalesce\(json_agg|count\(\*\)::int AS rows)|WITH t0 )/
/** Longer ones are not prepared: a connection keeps the text of each. */
const maxPreparedLength = 4_000

/** Names the first statements, so that PostgreSQL plans them once per connection (a third more creates per second); others run unnamed. */
export function createStatementNames(): (query: { readonly sql: string }) => string | undefined {
  const names = { chosen: new Map<string, string>(), own: new Map<string, string>() }
  return ({ sql }) => {
    const kind = isChosen.test(sql) ? 'chosen' : 'own'
    const known = names[kind].get(sql)
    if (known !== undefined) return known
    // A search is planned for its text: how many rows have it decides which index is quick.
    const isSearch = /"(folded|trigrams)"/.test(sql) && !sql.includes('INSERT INTO')
    if (isSearch || sql.length > maxPreparedLength || names[kind].size >= maxPrepared[kind]) return undefined
    const name = `aura_keys_${kind}_${names[kind].size}`
    names[kind].set(sql, name)
    return name
  }
}

/** Returns what makes a statement of our own as the driver takes it; `onStatement` gets its text. */
export const createPlain =
  (nameOf: (query: { readonly sql: string }) => string | undefined, onStatement: ((sql: string) => void) | undefined) =>
  (text: string, values: readonly unknown[]): QueryConfig => {
    onStatement?.(text)
    const name = nameOf({ sql: text })
    // The driver writes times in the zone of this process.
    const written = values.map((value) => (value instanceof Date ? value.toISOString() : value))
    return { text, values: written, types: plainTypes, ...(name === undefined ? {} : { name }) }
  }

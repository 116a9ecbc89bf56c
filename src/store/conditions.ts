import { Prisma } from './client.ts'

type Sql = Prisma.Sql

/** The relations that conditions go through: the table, its column, and the column here that has the same value. */
const relations: Readonly<Record<string, readonly [table: string, theirs: string, ours: string]>> = {
  access: ['instance_access', 'instanceId', 'id'],
  apiKey: ['api_key', 'id', 'apiKeyId'],
  instance: ['app_instance', 'id', 'instanceId'],
  key: ['api_key', 'id', 'keyId'],
  member: ['member', 'id', 'memberId'],
  members: ['member', 'organizationId', 'id'],
  use: ['key_use', 'keyId', 'id'],
}

const comparisons: Readonly<Record<string, (column: Sql, value: unknown) => Sql>> = {
  gt: (column, value) => Prisma.sql`${column} > ${value}`,
  gte: (column, value) => Prisma.sql`${column} >= ${value}`,
  lt: (column, value) => Prisma.sql`${column} < ${value}`,
  lte: (column, value) => Prisma.sql`${column} <= ${value}`,
  contains: (column, value) => Prisma.sql`${column} LIKE ${`%${value}%`}`,
  in: (column, values) => ((values as unknown[]).length > 0 ? Prisma.sql`${column} IN (${Prisma.join(values as unknown[])})` : Prisma.sql`FALSE`),
}

const columns = new Map<string, Sql>()

/** The column of a field, by the name that schema.prisma maps it to. */
export function columnOf(field: string): Sql {
  const known = columns.get(field)
  if (known) return known
  const column = Prisma.raw(`"${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`)
  columns.set(field, column)
  return column
}

const isOperators = (value: unknown): value is object => typeof value === 'object' && value !== null && !(value instanceof Date)

function onField(field: string, value: unknown, alias: string): Sql[] {
  const column = Prisma.sql`${Prisma.raw(alias)}.${columnOf(field)}`
  const relation = relations[field]
  if (relation) {
    const [table, theirs, ours] = relation
    const [inner, wanted] = [`${alias}_`, value as { some?: object }]
    return [
      Prisma.sql`${Prisma.raw(alias)}.${columnOf(ours)} IN (SELECT ${columnOf(theirs)} FROM ${Prisma.raw(table)} ${Prisma.raw(inner)} WHERE ${sqlOf(wanted.some ?? wanted, inner)})`,
    ]
  }
  if (value === null) return [Prisma.sql`${column} IS NULL`]
  if (!isOperators(value)) return [Prisma.sql`${column} = ${value}`]
  return Object.entries(value).flatMap(([name, operand]) => {
    const compare = comparisons[name]
    if (!compare) throw new Error(`no condition ${name} in SQL`)
    return operand === undefined ? [] : [compare(column, operand)]
  })
}

/** A condition of Prisma as SQL about the row with this alias, for statements that Prisma cannot write. It has what lists use of Prisma's conditions. */
export function sqlOf(where: object, alias: string): Sql {
  const parts = Object.entries(where).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined) return []
    if (name === 'AND') return (value as object[]).map((each) => sqlOf(each, alias))
    if (name === 'OR')
      return [
        Prisma.sql`(${Prisma.join(
          (value as object[]).map((each) => sqlOf(each, alias)),
          ' OR ',
        )})`,
      ]
    return onField(name, value, alias)
  })
  return parts.length > 0 ? Prisma.sql`(${Prisma.join(parts, ' AND ')})` : Prisma.sql`TRUE`
}

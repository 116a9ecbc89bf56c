import type { Prisma } from './client.ts'
import { SqlWriter } from './sql-writer.ts'

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

const operators: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' }

const columns = new Map<string, string>()

/** The column of a field, by the name that schema.prisma maps it to. */
export function columnOf(field: string): string {
  const known = columns.get(field)
  if (known !== undefined) return known
  const column = `"${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`
  columns.set(field, column)
  return column
}

const isOperators = (value: unknown): value is object => typeof value === 'object' && value !== null && !(value instanceof Date)

function compare(out: SqlWriter, column: string, name: string, operand: unknown): void {
  const operator = operators[name]
  if (operator !== undefined) out.text(`${column} ${operator} `).value(operand)
  else if (name === 'contains') out.text(`${column} LIKE `).value(`%${operand}%`)
  else if (name === 'in' && Array.isArray(operand)) {
    if (operand.length === 0) out.text('FALSE')
    else
      out
        .text(`${column} IN (`)
        .each(operand, ',', (each) => out.value(each))
        .text(')')
  } else throw new Error(`no condition ${name} in SQL`)
}

function onField(out: SqlWriter, field: string, value: unknown, alias: string): void {
  const column = `${alias}.${columnOf(field)}`
  const relation = relations[field]
  if (relation) {
    const [table, theirs, ours] = relation
    const [inner, wanted] = [`${alias}_`, value as { some?: object }]
    out.text(`${alias}.${columnOf(ours)} IN (SELECT ${columnOf(theirs)} FROM ${table} ${inner} WHERE `)
    condition(out, wanted.some ?? wanted, inner)
    out.text(')')
  } else if (value === null) out.text(`${column} IS NULL`)
  else if (!isOperators(value)) out.text(`${column} = `).value(value)
  else {
    const given = Object.entries(value).filter(([, operand]) => operand !== undefined)
    if (given.length === 0) throw new Error(`the condition ${field} is undefined`)
    out.each(given, ' AND ', ([name, operand]) => compare(out, column, name, operand))
  }
}

/** Writes a condition of Prisma about the row with this alias, for statements that Prisma cannot write. It has what lists use of Prisma's conditions. */
export function condition(out: SqlWriter, where: object, alias: string): void {
  const parts = Object.entries(where).filter(([name, value]) => {
    // As with Prisma's strict checks: what is left out is no condition, and what is undefined is a mistake, which must not show more rows.
    if (value === undefined) throw new Error(`the condition ${name} is undefined`)
    return name !== 'AND' || (value as object[]).length > 0
  })
  if (parts.length === 0) {
    out.text('TRUE')
    return
  }
  const inner = (each: object): void => condition(out, each, alias)
  out.text('(')
  out.each(parts, ' AND ', ([name, value]: [string, unknown]) => {
    if (name === 'AND') out.each(value as object[], ' AND ', inner)
    else if (name === 'OR')
      out
        .text('(')
        .each(value as object[], ' OR ', inner)
        .text(')')
    else onField(out, name, value, alias)
  })
  out.text(')')
}

/** The same as a part of another statement. */
export function sqlOf(where: object, alias: string): Prisma.Sql {
  const out = new SqlWriter()
  condition(out, where, alias)
  return out.end()
}

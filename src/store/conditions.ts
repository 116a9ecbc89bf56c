import { Prisma } from './client.ts'
import { SqlWriter } from './sql-writer.ts'
import { columnOf, tableOf } from './tables.ts'

const operators: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' }

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

/** Where rows are sought. */
export interface Place {
  /** The row that they all belong to: where its id stands in them, and its alias. */
  readonly parent?: { readonly ours: string; readonly alias: string } | undefined
  /**
   * What becomes of the grants that a condition on instances hangs on: the instances are looked up by them, or the instances that are
   * walked through are compared with a hash of them. Otherwise the planner chooses, and may merge them with the instances of all organizations.
   */
  readonly grants?: 'lookedUp' | 'hashed'
}

function onField(out: SqlWriter, field: string, value: unknown, alias: string, model: string, place: Place): void {
  const { parent, grants } = place
  const column = `${alias}.${columnOf(field)}`
  const relation = tableOf(model).relations.get(field)
  if (relation && !relation.isMany && relation.ours === parent?.ours) {
    // That row is there already: PostgreSQL looks at it once, and not for each of these.
    condition(out, value as object, parent.alias, relation.model)
  } else if (relation) {
    const { theirs, ours } = relation
    const [inner, wanted] = [`${alias}_`, value as { some?: object }]
    const [here, there] = [`${alias}.${columnOf(ours)}`, `${inner}.${columnOf(theirs)}`]
    const from = `FROM ${tableOf(relation.model).name} ${inner} WHERE `
    const forms = {
      lookedUp: [`${here} = ANY(ARRAY(SELECT ${there} ${from}`, '))'],
      hashed: [`${here} IN (SELECT ${there} ${from}`, ') IS TRUE'],
      // PostgreSQL may look these up for each row, or find all of them.
      some: [`EXISTS (SELECT 1 ${from}${there} = ${here} AND `, ')'],
      one: [`${here} IN (SELECT ${there} ${from}`, ')'],
    } as const
    const [open, close] = forms[(relation.model === 'InstanceAccess' && grants) || (wanted.some ? 'some' : 'one')]
    out.text(open)
    condition(out, wanted.some ?? wanted, inner, relation.model)
    out.text(close)
  } else if (value === null) out.text(`${column} IS NULL`)
  else if (!isOperators(value)) out.text(`${column} = `).value(value)
  else {
    const given = Object.entries(value).filter(([, operand]) => operand !== undefined)
    if (given.length === 0) throw new Error(`the condition ${field} is undefined`)
    out.each(given, ' AND ', ([name, operand]) => compare(out, column, name, operand))
  }
}

/** Writes a condition of Prisma about the row of a model with this alias, for statements that Prisma cannot write. It has what lists use of Prisma's conditions. */
export function condition(out: SqlWriter, where: object, alias: string, model: string, place: Place = {}): void {
  const parts = Object.entries(where).filter(([name, value]) => {
    // As with Prisma's strict checks: what is left out is no condition, and what is undefined is a mistake, which must not show more rows.
    if (value === undefined) throw new Error(`the condition ${name} is undefined`)
    return name !== 'AND' || (value as object[]).length > 0
  })
  if (parts.length === 0) {
    out.text('TRUE')
    return
  }
  const inner = (each: object): void => condition(out, each, alias, model, place)
  out.text('(')
  out.each(parts, ' AND ', ([name, value]: [string, unknown]) => {
    if (name === 'AND') out.each(value as object[], ' AND ', inner)
    else if (name === 'OR')
      out
        .text('(')
        .each(value as object[], ' OR ', inner)
        .text(')')
    else onField(out, name, value, alias, model, place)
  })
  out.text(')')
}

/**
 * Any of these texts. PostgreSQL knows no length of an array that is selected: for one that is given it expects other costs with each length, and
 * plans each time.
 */
export const anyOf = (texts: readonly string[]): Prisma.Sql => Prisma.sql`ANY((SELECT ${texts}::text[])::text[])`

/** The same as a part of another statement. */
export function sqlOf(where: object, alias: string, model: string): Prisma.Sql {
  const out = new SqlWriter()
  condition(out, where, alias, model)
  return out.end()
}

import type { Prisma } from './client.ts'
import { SqlWriter } from './sql-writer.ts'
import { columnOf, tableOf } from './tables.ts'

/** What inserts a row of a model of schema.prisma, by the names of its fields. */
export function insertion(model: Prisma.ModelName, row: object): Prisma.Sql {
  const { name, columns } = tableOf(model)
  const out = new SqlWriter().text(`INSERT INTO ${name} (`)
  out.each(Object.keys(row), ',', (field) => {
    if (!columns.has(field)) throw new Error(`no ${field} of ${model}`)
    out.text(columnOf(field))
  })
  out.text(') VALUES (').each(Object.values(row), ',', (value) => out.value(value))
  return out.text(')').end()
}

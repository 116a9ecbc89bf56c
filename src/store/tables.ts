import { getDatamodel } from '../generated/pothos.ts'

interface Field {
  readonly name: string
  readonly type: string
  readonly kind: string
  readonly isList: boolean
  readonly relationName?: string
  readonly relationFromFields?: readonly string[]
}

/** How rows of another table belong to a row. */
export interface Relation {
  readonly model: string
  readonly isMany: boolean
  /** The field there, and the one here, that have the same value. */
  readonly theirs: string
  readonly ours: string
}

interface Table {
  readonly name: string
  /** The types of its columns, by the names of their fields. */
  readonly columns: ReadonlyMap<string, string>
  readonly relations: ReadonlyMap<string, Relation>
}

const fieldsOf = new Map(Object.entries(getDatamodel().datamodel.models).map(([model, { fields }]): [string, readonly Field[]] => [model, fields]))

/** Every reference is to an id. */
function relationBy(model: string, { type, isList, relationName, relationFromFields = [] }: Field): Relation {
  const [ours] = relationFromFields
  if (ours !== undefined) return { model: type, isMany: false, theirs: 'id', ours }
  const opposite = fieldsOf.get(type)?.find((field) => field.relationName === relationName && field.type === model)
  return { model: type, isMany: isList, theirs: opposite?.relationFromFields?.[0] ?? '', ours: 'id' }
}

const snakeCase = (name: string): string => name.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()

const tables = new Map(
  [...fieldsOf].map(([model, fields]): [string, Table] => [
    model,
    {
      name: snakeCase(model),
      columns: new Map(fields.filter(({ kind }) => kind !== 'object').map(({ name, type }) => [name, type])),
      relations: new Map(fields.filter(({ kind }) => kind === 'object').map((field) => [field.name, relationBy(model, field)])),
    },
  ]),
)

/** The table of a model of schema.prisma, whose names it has in another form. */
export function tableOf(model: string): Table {
  const table = tables.get(model)
  if (!table) throw new Error(`no model ${model}`)
  return table
}

export function relationOf(model: string, field: string): Relation {
  const relation = tableOf(model).relations.get(field)
  if (!relation) throw new Error(`no ${field} of ${model}`)
  return relation
}

const columns = new Map<string, string>()

/** The column of a field, by the name that schema.prisma maps it to. */
export function columnOf(field: string): string {
  const known = columns.get(field)
  if (known !== undefined) return known
  const column = `"${snakeCase(field)}"`
  columns.set(field, column)
  return column
}

import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isAbstractType,
  isCompositeType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
  typeFromAST,
  visit,
} from 'graphql'
import type { Context } from './context.ts'

export type Resolve = (source: unknown, arguments_: object, context: Context, info: unknown) => unknown
/** The same with the selection of rows, as `query`. */
type Reads = (query: object, source: unknown, arguments_: object, context: Context) => unknown

/** The form of a value. */
export interface Shape {
  readonly isRequired: boolean
  /** Of a list. */
  readonly items: Shape | null
  readonly leaf: GraphQLLeafType | null
}

/** A field of the operation, with all that is known about it before it runs. */
export interface PlannedField {
  /** Its key in the answer. */
  readonly name: string
  /** Where it is written, once or more. */
  readonly nodes: readonly [FieldNode, ...FieldNode[]]
  /** The name of the type that has it. */
  readonly parent: string
  readonly definition: GraphQLField<unknown, unknown>
  readonly shape: Shape
  /** Which property of its object it is, if it is one. */
  readonly property: string | null
  /** Else its own resolver, without what the schema puts around all: `plan` replaces that. */
  readonly resolve: Resolve
  /** What reads its rows with a selection, in place of `resolve`. */
  readonly reads: Reads | undefined
  readonly fields: readonly PlannedField[]
  readonly type: GraphQLObjectType | null
  /** Whether it is a page of rows. */
  readonly isPage: boolean
  /** Its place among all fields of the plan. */
  readonly index: number
}

export interface Plan {
  readonly fields: readonly PlannedField[]
  /** All fields, at every level. */
  readonly every: readonly PlannedField[]
}

/** Thrown where an operation needs the executor of graphql-js. */
class Unplanned extends Error {}

export const unplanned = (): never => {
  throw new Unplanned()
}

/** The fields of these selections of one object type, by their keys in the answer, as in GraphQL's CollectFields. Whoever sends directives gets no plan. */
function collect(
  schema: GraphQLSchema,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): Map<string, FieldNode[]> {
  const found = new Map<string, FieldNode[]>()
  const seen = new Set<string>()
  const isOf = (condition: FragmentDefinitionNode['typeCondition'] | undefined): boolean => {
    const wanted = condition ? typeFromAST(schema, condition) : type
    return wanted === type || (isAbstractType(wanted) && schema.isSubType(wanted, type))
  }
  const gather = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.directives && selection.directives.length > 0) unplanned()
      if (selection.kind === Kind.FIELD) {
        const name = selection.alias?.value ?? selection.name.value
        found.set(name, [...(found.get(name) ?? []), selection])
        continue
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (seen.has(selection.name.value)) continue
        seen.add(selection.name.value)
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : (fragments.get(selection.name.value) ?? unplanned())
      if (fragment.directives && fragment.directives.length > 0) unplanned()
      if (isOf(fragment.typeCondition)) gather(fragment.selectionSet)
    }
  }
  for (const set of sets) gather(set)
  return found
}

const shapes = new WeakMap<GraphQLOutputType, Shape>()

function shapeOf(type: GraphQLOutputType): Shape {
  const known = shapes.get(type)
  if (known) return known
  const shape = isNonNullType(type)
    ? { ...shapeOf(type.ofType), isRequired: true }
    : { isRequired: false, items: isListType(type) ? shapeOf(type.ofType) : null, leaf: isLeafType(type) ? type : null }
  shapes.set(type, shape)
  return shape
}

/** The nodes of a document, whose memory is reckoned with that of its plans: fragments that many operations or fields spread would make more fields. */
function nodesOf(document: DocumentNode): number {
  let nodes = 0
  visit(document, { enter: () => void nodes++ })
  return nodes
}

const none: readonly PlannedField[] = []
const selectionsOf = (nodes: readonly FieldNode[]): SelectionSetNode[] => nodes.flatMap(({ selectionSet }) => selectionSet ?? [])

/** The plans of a document. */
interface Plans {
  readonly byName: Map<string, Plan | null>
  /** How many fields they may still have together. */
  left: number
}

/** Null if the operation cannot be planned: it is no query, or has directives, interfaces, unions or introspection. */
function makePlan(schema: GraphQLSchema, document: DocumentNode, operationName: string | null | undefined, plans: Plans): Plan | null {
  const operation = getOperationAST(document, operationName)
  const query = schema.getQueryType()
  if (!query || operation?.operation !== OperationTypeNode.QUERY || (operation.directives?.length ?? 0) > 0) return null
  const fragments = new Map(document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each]] : [])))
  const every: PlannedField[] = []
  let size = 0
  const fieldsOf = (type: GraphQLObjectType, sets: readonly SelectionSetNode[]): PlannedField[] =>
    [...collect(schema, fragments, type, sets)].map(([name, nodes]): PlannedField => {
      const [node = unplanned(), ...others] = nodes
      const isTypename = node.name.value === TypeNameMetaFieldDef.name
      const definition = isTypename ? TypeNameMetaFieldDef : (type.getFields()[node.name.value] ?? unplanned())
      const { pothosOriginalResolve, pothosExposedField, pothosArgMappers, reads } = definition.extensions
      if ((pothosArgMappers as unknown[] | undefined)?.length) unplanned()
      const answer = getNamedType(definition.type)
      if (isCompositeType(answer) && !isObjectType(answer)) unplanned()
      if (size === plans.left) unplanned()
      const index = size++
      // It cannot be assigned to an object as others are.
      if (name === '__proto__') unplanned()
      const field: PlannedField = {
        name,
        nodes: [node, ...others],
        parent: type.name,
        definition,
        shape: shapeOf(definition.type),
        property: typeof pothosExposedField === 'string' ? pothosExposedField : null,
        resolve: isTypename ? () => type.name : (pothosOriginalResolve as Resolve),
        reads: reads as Reads | undefined,
        type: isObjectType(answer) ? answer : null,
        fields: isObjectType(answer) ? fieldsOf(answer, selectionsOf(nodes)) : none,
        isPage: answer.name.endsWith('Connection'),
        index,
      }
      every[index] = field
      return field
    })
  try {
    const fields = fieldsOf(query, [operation.selectionSet])
    plans.left -= size
    return { fields, every }
  } catch (error) {
    if (error instanceof Unplanned) return null
    throw error
  }
}

const plans = new WeakMap<DocumentNode, Plans>()

/** The plan of an operation of a valid document, which lives as long as the document. */
export function planOf(schema: GraphQLSchema, document: DocumentNode, operationName: string | null | undefined): Plan | null {
  const known = plans.get(document) ?? { byName: new Map<string, Plan | null>(), left: nodesOf(document) }
  plans.set(document, known)
  const name = operationName ?? ''
  const plan = known.byName.has(name) ? known.byName.get(name) : makePlan(schema, document, operationName, known)
  known.byName.set(name, plan ?? null)
  return plan ?? null
}

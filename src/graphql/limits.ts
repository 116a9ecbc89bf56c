import {
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql'

export const maxTokens = 2_000
const maxDepth = 12
const maxAliases = 50
const maxDirectives = 5
const maxRootMutationFields = 5

interface Measure {
  depth: number
  aliases: number
}

/** Measures a selection set with its fragments spread; each fragment is measured once, however often it is used. */
function createMeasure(document: DocumentNode): (set: SelectionSetNode, root: boolean) => Measure {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const known = new Map<string, Measure>()
  const none: Measure = { depth: 0, aliases: 0 }

  function ofFragment(name: string, root: boolean): Measure {
    const key = `${root} ${name}`
    const before = known.get(key)
    if (before) return before
    // A fragment inside itself is another rule's to refuse; here it only must not be followed for ever.
    known.set(key, none)
    const fragment = fragments.get(name)
    const measure = fragment ? ofSet(fragment.selectionSet, root) : none
    known.set(key, measure)
    return measure
  }

  function ofSet(set: SelectionSetNode, root: boolean): Measure {
    let depth = 0
    let aliases = 0
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        // Introspection is exempt from the depth, by the field's own name and only at the root.
        const exempt = root && (selection.name.value === '__schema' || selection.name.value === '__type')
        const inner = selection.selectionSet ? ofSet(selection.selectionSet, false) : none
        depth = Math.max(depth, exempt ? 1 : 1 + inner.depth)
        aliases += inner.aliases + (selection.alias ? 1 : 0)
      } else {
        const inner = selection.kind === Kind.INLINE_FRAGMENT ? ofSet(selection.selectionSet, root) : ofFragment(selection.name.value, root)
        depth = Math.max(depth, inner.depth)
        aliases += inner.aliases
      }
    }
    return { depth, aliases }
  }
  return ofSet
}

export const rejected = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'QUERY_REJECTED' } })

function shape(context: ValidationContext): ASTVisitor {
  const measure = createMeasure(context.getDocument())
  return {
    OperationDefinition: (operation) => {
      const { depth, aliases } = measure(operation.selectionSet, true)
      if (depth > maxDepth) context.reportError(rejected(`The operation is ${depth} fields deep; at most ${maxDepth} are allowed.`))
      if (aliases > maxAliases) context.reportError(rejected(`The operation has ${aliases} aliases; at most ${maxAliases} are allowed.`))
    },
  }
}

function directives(context: ValidationContext): ASTVisitor {
  let reported = false
  return {
    enter: (node) => {
      const here = 'directives' in node ? (node.directives?.length ?? 0) : 0
      if (here <= maxDirectives || reported) return
      reported = true
      context.reportError(rejected(`${here} directives stand in one place; at most ${maxDirectives} are allowed.`))
    },
  }
}

function rootMutationFields(context: ValidationContext): ASTVisitor {
  const count = (set: SelectionSetNode, spread: ReadonlySet<string>): number =>
    set.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + 1
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + count(selection.selectionSet, spread)
      const fragment = context.getFragment(selection.name.value)
      if (!fragment || spread.has(selection.name.value) || sum > maxRootMutationFields) return sum
      return sum + count(fragment.selectionSet, new Set([...spread, selection.name.value]))
    }, 0)
  return {
    OperationDefinition: (operation) => {
      if (operation.operation !== 'mutation' || count(operation.selectionSet, new Set()) <= maxRootMutationFields) return
      context.reportError(rejected(`A mutation may have at most ${maxRootMutationFields} root fields.`))
    },
  }
}

/** Refuses `__schema` and `__type` wherever they stand; `__typename` stays. */
const introspection: ValidationRule = (context) => ({
  Field: (field) => {
    if (field.name.value === '__schema' || field.name.value === '__type') {
      context.reportError(rejected('Introspection is off here; the schema is at /schema.graphql.'))
    }
  },
})

/** The limits on documents, the same on every transport. */
export const limitRules = (options: { introspection: boolean }): readonly ValidationRule[] => [
  shape,
  directives,
  rootMutationFields,
  ...(options.introspection ? [] : [introspection]),
]

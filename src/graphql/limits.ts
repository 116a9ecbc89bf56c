import { type ASTVisitor, GraphQLError, type ValidationContext, type ValidationRule } from 'graphql'
import { countedTo, createMeasure } from './measure.ts'
import { mostRepeated } from './repeated-names.ts'

export const maxTokens = 2_000
/** graphql-js counts the lines again for the location of each error. A document does not need more lines than tokens. */
const maxLines = 2_000
const maxDepth = 12
const maxAliases = 50
/** Every row of the response repeats the alias. */
const maxAliasLength = 100
/** Merged fields of one name: validation compares every pair. */
const maxRepeatedNames = 50
const maxDirectives = 5
const maxRootMutationFields = 5
/** The whole schema is a megabyte; tools read it once. */
const maxSchemas = 1
const maxTypes = 5
/** Inside `__schema` and `__type`, where depth is not counted. */
const maxIntrospectionAliases = 5

export const rejected = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'QUERY_REJECTED' } })

const counted = (count: number): string => (count < countedTo ? String(count) : `${countedTo} or more`)

const tooMany = (subject: string, count: number, what: string, most: number): GraphQLError =>
  rejected(`${subject} has ${counted(count)} ${what}; at most ${most} ${most === 1 ? 'is' : 'are'} allowed.`)

function shape(context: ValidationContext): ASTVisitor {
  const measure = createMeasure(context.getDocument())
  return {
    OperationDefinition: ({ operation, selectionSet }) => {
      const { depth, aliases, fields, schemas, types, introspected } = measure(selectionSet, true)
      if (depth > maxDepth) context.reportError(rejected(`The operation is ${depth} fields deep; at most ${maxDepth} are allowed.`))
      const check = (subject: string, count: number, what: string, most: number): void => {
        if (count > most) context.reportError(tooMany(subject, count, what, most))
      }
      check('The operation', aliases, 'aliases', maxAliases)
      check('The operation', introspected, 'aliases inside introspection', maxIntrospectionAliases)
      check('The operation', schemas, 'fields __schema', maxSchemas)
      check('The operation', types, 'fields __type', maxTypes)
      if (operation === 'mutation') check('The mutation', fields, 'root fields', maxRootMutationFields)
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

function lines(context: ValidationContext): ASTVisitor {
  return {
    Document: ({ loc }) => {
      const first = loc?.source.body.split(/\r\n|[\n\r]/, maxLines + 1) ?? []
      if (first.length > maxLines) context.reportError(rejected(`The document has more than ${maxLines} lines; at most ${maxLines} are allowed.`))
      return false
    },
  }
}

function names(context: ValidationContext): ASTVisitor {
  let longest = 0
  return {
    Field: ({ alias }) => {
      longest = Math.max(longest, alias?.value.length ?? 0)
    },
    Document: {
      leave: () => {
        if (longest > maxAliasLength) context.reportError(tooMany('An alias', longest, 'characters', maxAliasLength))
        const { name, count } = mostRepeated(context.getDocument())
        if (count > maxRepeatedNames) context.reportError(tooMany('One place', count, `fields under the name "${name}", fragments included`, maxRepeatedNames))
      },
    },
  }
}

/** Rejects `__schema` and `__type` everywhere; `__typename` stays allowed. */
const introspection: ValidationRule = (context) => ({
  Field: (field) => {
    if (field.name.value === '__schema' || field.name.value === '__type') {
      context.reportError(rejected('Introspection is off here; the schema is at /schema.graphql.'))
    }
  },
})

/** Document limits, the same on every transport. The work of each grows with the document's text, not with its spread fragments. */
export const limitRules = (options: { introspection: boolean }): readonly ValidationRule[] => [
  shape,
  directives,
  lines,
  names,
  ...(options.introspection ? [] : [introspection]),
]

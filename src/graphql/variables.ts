import {
  coerceInputValue,
  type ExecutionArgs,
  GraphQLError,
  getOperationAST,
  isInputType,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql'
import { redactKeys } from '../crypto/key-format.ts'

// GraphQL over HTTP: no execution means 400, but 200 for clients that accept only `application/json`.
const http = { spec: true, status: 400 }

const badAt =
  (nodes: VariableDefinitionNode | null) =>
  (field: string, message: string): GraphQLError =>
    new GraphQLError(`${field}: ${message}`, { nodes, extensions: { code: 'BAD_USER_INPUT', field, http } })

/** The error for text that PostgreSQL cannot store, in variables and in literals. */
export const noNul = 'must not contain the character U+0000'

/** Each item can become a parameter of a statement. */
export const maxListItems = 100
export const tooLong = `may have at most ${maxListItems} items`

/** No input has as many levels. Code that walks through values is recursive, so more levels could overflow the stack. */
const maxNesting = 20
/** More do not help. */
const maxVariableErrors = 10
/** Input members can have any name, and each error repeats its path. */
const maxFieldLength = 200

/** A field's name in errors: its path, or `otherwise` without a path. */
export const fieldName = (path: readonly string[], otherwise: string): string => redactKeys(path.join('.') || otherwise).slice(0, maxFieldLength)

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)))

/** Finds the faults of a value of any type: where, and why. */
function* faults(value: unknown, path: readonly string[]): Generator<[path: readonly string[], reason: string]> {
  if (typeof value === 'string' && value.includes('\0')) yield [path, noNul]
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) for (const [key, item] of Object.entries(value)) yield* faults(item, [...path, key])
  else if (value.length > maxListItems) yield [path, tooLong]
  else for (const item of value) yield* faults(item, path)
}

const enough = Symbol('enough errors')

/** Returns the first errors of `find`, and stops it when there are enough. */
function firstErrors(find: (report: (error: GraphQLError) => void) => void): GraphQLError[] {
  const errors: GraphQLError[] = []
  try {
    find((error) => {
      if (errors.push(error) === maxVariableErrors) throw enough
    })
  } catch (thrown) {
    if (thrown !== enough) throw thrown
  }
  return errors
}

/** The reason that graphql-js found, without the value. */
function reasonOf(error: GraphQLError, inner: string | undefined): string {
  const own = error.originalError as { extensions?: { code?: string } } | undefined
  if (own?.extensions?.code === 'BAD_USER_INPUT') return error.originalError?.message.replace(/^\w+: /, '') ?? ''
  if (inner && /is not defined/.test(error.message)) return 'is not a field of this input'
  return inner ? 'is required' : 'has a value of the wrong type'
}

/** The names of variables that are nested too deeply to be read by recursion. */
export const deepVariables = (variables: Readonly<Record<string, unknown>> | null | undefined): string[] =>
  Object.keys(variables ?? {}).filter((name) => isDeeper(variables?.[name], maxNesting))

/**
 * Returns the errors of the variables, each with its field. graphql-js finds the same, but its messages repeat the values,
 * which can be secrets. `field` is the path inside the input.
 */
export function variableErrors({ schema, document, operationName, variableValues }: ExecutionArgs): GraphQLError[] {
  const operation = getOperationAST(document, operationName)
  // Undeclared variables too: they also distinguish one subscription from another.
  const deep = deepVariables(variableValues)
  if (deep.length > 0) return deep.slice(0, maxVariableErrors).map((name) => badAt(null)(fieldName([], name), `may have at most ${maxNesting} levels`))
  return firstErrors((report) => {
    for (const definition of operation?.variableDefinitions ?? []) {
      const name = definition.variable.name.value
      const bad = (path: readonly string[], reason: string): void => report(badAt(definition)(fieldName(path, name), reason))
      const type = typeFromAST(schema, definition.type)
      if (!type || !isInputType(type)) continue
      const given = variableValues !== null && variableValues !== undefined && Object.hasOwn(variableValues, name)
      if (!given) {
        if (isNonNullType(type) && !definition.defaultValue) bad([], 'is required')
        continue
      }
      const value = variableValues[name]
      if (value === null) {
        if (isNonNullType(type)) bad([], 'must not be null')
        continue
      }
      for (const [path, reason] of faults(value, [])) bad(path, reason)
      coerceInputValue(value, type, (path, _invalid, error) => {
        const inner = /^Field "(\w+)" (?:of required type|is not defined)/.exec(error.message)?.[1]
        const names = path.filter((key) => typeof key === 'string')
        bad(inner === undefined ? names : [...names, inner], reasonOf(error, inner))
      })
    }
  })
}

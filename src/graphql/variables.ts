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

// GraphQL over HTTP: what was not executed is 400, but 200 to clients that know only `application/json`.
const http = { spec: true, status: 400 }

const badAt =
  (nodes: VariableDefinitionNode | null) =>
  (field: string, message: string): GraphQLError =>
    new GraphQLError(`${field}: ${message}`, { nodes, extensions: { code: 'BAD_USER_INPUT', field, http } })

/** What is said of a text that PostgreSQL could not hold, in variables and literals alike. */
export const noNul = 'must not contain the character U+0000'

/** Each item can become a parameter of a statement. */
export const maxListItems = 100
export const tooLong = `may have at most ${maxListItems} items`

/** No input has as many levels. What walks through values calls itself at each, and so ends where the stack does. */
const maxNesting = 20
/** More tell nobody more. */
const maxVariableErrors = 10
/** Members of inputs may be called anything, and each error repeats where it is. */
const maxFieldLength = 200

/** What an error calls the field at a path; without a path it has another name. */
export const fieldName = (path: readonly string[], otherwise: string): string => redactKeys(path.join('.') || otherwise).slice(0, maxFieldLength)

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)))

/** What is wrong with a value whatever its type: where, and why. */
function* faults(value: unknown, path: readonly string[]): Generator<[path: readonly string[], reason: string]> {
  if (typeof value === 'string' && value.includes('\0')) yield [path, noNul]
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) for (const [key, item] of Object.entries(value)) yield* faults(item, [...path, key])
  else if (value.length > maxListItems) yield [path, tooLong]
  else for (const item of value) yield* faults(item, path)
}

const enough = Symbol('enough errors')

/** The first errors that `find` reports; it is left when there are enough. */
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

/** What graphql-js finds wrong with a value, without the value. */
function reasonOf(error: GraphQLError, inner: string | undefined): string {
  const own = error.originalError as { extensions?: { code?: string } } | undefined
  if (own?.extensions?.code === 'BAD_USER_INPUT') return error.originalError?.message.replace(/^\w+: /, '') ?? ''
  if (inner && /is not defined/.test(error.message)) return 'is not a field of this input'
  return inner ? 'is required' : 'has a value of the wrong type'
}

/**
 * What is wrong with the variables, each naming its field. graphql-js finds the same, but its messages repeat the values,
 * which may be secrets. `field` is the path inside the input.
 */
export function variableErrors({ schema, document, operationName, variableValues }: ExecutionArgs): GraphQLError[] {
  const operation = getOperationAST(document, operationName)
  // Those too that the operation does not declare: they tell one subscription from another.
  const deep = Object.keys(variableValues ?? {}).filter((name) => isDeeper(variableValues?.[name], maxNesting))
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

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

/** No input has as many levels. What walks through values calls itself at each, and so ends where the stack does. */
const maxNesting = 20

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1)))

/** The paths to texts with a NUL in them. */
function nulPaths(value: unknown, path: readonly string[]): string[] {
  if (typeof value === 'string') return value.includes('\0') ? [path.join('.')] : []
  if (Array.isArray(value)) return value.flatMap((item) => nulPaths(item, path))
  return typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, item]) => nulPaths(item, [...path, key])) : []
}

/**
 * What is wrong with the variables, each naming its field. graphql-js finds the same, but its messages repeat the values,
 * which may be secrets. `field` is the path inside the input.
 */
export function variableErrors({ schema, document, operationName, variableValues }: ExecutionArgs): GraphQLError[] {
  const operation = getOperationAST(document, operationName)
  // Those too that the operation does not declare: they tell one subscription from another.
  const deep = Object.keys(variableValues ?? {}).filter((name) => isDeeper(variableValues?.[name], maxNesting))
  const errors = deep.map((name) => badAt(null)(redactKeys(name), `may have at most ${maxNesting} levels`))
  if (errors.length > 0) return errors.slice(0, 10)
  for (const definition of operation?.variableDefinitions ?? []) {
    const name = definition.variable.name.value
    const bad = badAt(definition)
    const type = typeFromAST(schema, definition.type)
    if (!type || !isInputType(type)) continue
    const given = variableValues !== null && variableValues !== undefined && Object.hasOwn(variableValues, name)
    if (!given) {
      if (isNonNullType(type) && !definition.defaultValue) errors.push(bad(name, 'is required'))
      continue
    }
    const value = variableValues[name]
    if (value === null) {
      if (isNonNullType(type)) errors.push(bad(name, 'must not be null'))
      continue
    }
    errors.push(...nulPaths(value, []).map((path) => bad(redactKeys(path) || name, noNul)))
    coerceInputValue(value, type, (path, _invalid, error) => {
      const known = (error.originalError as { extensions?: { code?: string } } | undefined)?.extensions?.code === 'BAD_USER_INPUT'
      const field = [...path.filter((key) => typeof key === 'string')].join('.')
      const inner = /^Field "(\w+)" (?:of required type|is not defined)/.exec(error.message)?.[1]
      const where = [field, inner].filter(Boolean).join('.') || name
      const reason = known
        ? (error.originalError?.message.replace(/^\w+: /, '') ?? '')
        : inner && /is not defined/.test(error.message)
          ? 'is not a field of this input'
          : inner
            ? 'is required'
            : 'has a value of the wrong type'
      errors.push(bad(redactKeys(where), reason))
    })
  }
  return errors.slice(0, 10)
}

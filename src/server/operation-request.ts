import type { IncomingMessage } from 'node:http'
import { type DocumentNode, GraphQLError, getOperationAST, type OperationDefinitionNode } from 'graphql'
import { rejected } from '../graphql/limits.ts'

/** What a client sends. */
export interface OperationRequest {
  readonly query?: unknown
  readonly variables?: unknown
  readonly operationName?: unknown
  readonly extensions?: unknown
}

/** Whether only the hash of a document was sent (automatic persisted queries). */
export const isHashAlone = ({ query, extensions }: OperationRequest): boolean =>
  (query === undefined || query === null || query === '') && typeof extensions === 'object' && extensions !== null && 'persistedQuery' in extensions

/** The message by which Apollo's clients send the whole document, from then on always. */
export const notPersisted = (): GraphQLError => rejected('PersistedQueryNotSupported')

/** The name, for which clients without one send an empty text too. */
export const operationNameOf = ({ operationName }: OperationRequest): string | null =>
  typeof operationName === 'string' && operationName !== '' ? operationName : null

/** The operation of a document that a request names. Throws what graphql-js says if there is none, or no single one. */
export function operationOf(document: DocumentNode, request: OperationRequest): OperationDefinitionNode {
  const name = operationNameOf(request)
  const operation = getOperationAST(document, name)
  if (operation) return operation
  throw new GraphQLError(name === null ? 'Must provide operation name if query contains multiple operations.' : `Unknown operation named "${name}".`)
}

/** JSON with sorted members in every object, so that equal values give equal texts, and others different ones: `1e400` is not null. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'number' && !Number.isFinite(inner)) return [[String(inner)]]
    return isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner
  })

/** The operation of a request whose body is already read; a string says what is wrong with it. */
export function readOperation({ method, url }: IncomingMessage, body: string): OperationRequest | string {
  if (method !== 'GET') return parseOperation(body, {})
  const search = new URL(url ?? '', 'http://localhost').searchParams
  const given = { variables: search.get('variables'), extensions: search.get('extensions') }
  return parseOperation(JSON.stringify({ query: search.get('query'), operationName: search.get('operationName') }), given)
}

const members = ['query', 'variables', 'operationName', 'extensions']

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `given`: members that are JSON by themselves. */
function parseOperation(text: string, given: Readonly<Record<string, string | null>>): OperationRequest | string {
  try {
    const body: unknown = JSON.parse(text)
    if (!isObject(body)) return 'The body must be one operation.'
    const parsed = Object.entries(given).flatMap(([name, json]) => (json === null ? [] : [[name, JSON.parse(json) as unknown]]))
    const operation = { ...body, ...Object.fromEntries(parsed) } as OperationRequest
    const unknown = Object.keys(operation).find((name) => !members.includes(name))
    if (unknown !== undefined) return `The body may have no other members than ${members.join(', ')}.`
    if (typeof operation.query !== 'string' && !isHashAlone(operation)) return 'Must provide query string.'
    if (!isObject(operation.variables ?? {})) return 'Variables must be an object.'
    if (!isObject(operation.extensions ?? {})) return 'Extensions must be an object.'
    if (typeof (operation.operationName ?? '') !== 'string') return 'The operation name must be a text.'
    return operation
  } catch {
    return 'The request holds no valid JSON.'
  }
}

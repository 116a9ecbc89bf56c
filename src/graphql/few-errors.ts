import { GraphQLError } from 'graphql'

/** Errors per response: more do not help. */
export const maxErrors = 20
/** A message repeats names, which can be as long as the document. */
const maxMessageLength = 1_000
/** One error can have as many places as the document has fields. */
const maxPlaces = 20

function short(error: GraphQLError): GraphQLError {
  const { message, nodes, source, positions, locations, path, extensions } = error
  if (message.length <= maxMessageLength && (locations?.length ?? 0) <= maxPlaces) return error
  return new GraphQLError(message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message, {
    nodes: nodes?.slice(0, maxPlaces) ?? null,
    source: source ?? null,
    positions: positions?.slice(0, maxPlaces) ?? null,
    path: path ?? null,
    extensions,
  })
}

/** Limits the errors of one response: the last one says how many were left out. They are masked, so none contains a value. */
export function fewErrors(errors: readonly GraphQLError[]): GraphQLError[] {
  const left = errors.length > maxErrors ? errors.slice(maxErrors - 1) : []
  const few = errors.slice(0, errors.length - left.length).map(short)
  const [next] = left
  if (!next) return few
  const { code, http } = next.extensions
  const extensions = { code, ...(http ? { http } : {}) }
  return [...few, new GraphQLError(`${left.length} more errors are left out: an answer has at most ${maxErrors}.`, { extensions })]
}

import { GraphQLError } from 'graphql'
import { redactKeys } from '../crypto/key-format.ts'
import { AuraError, type ErrorCode, errorCodes, unavailable } from '../errors.ts'
import type { Ports } from '../ports.ts'

/** What tells a failure apart without its message, which may hold values. */
const describe = (error: unknown): object => {
  const { name, code, stack } = error instanceof Error ? (error as Error & { code?: unknown }) : { name: typeof error, code: undefined, stack: undefined }
  return { error: name, code, stack: stack?.split('\n').filter((line) => /^\s+at /.test(line)) }
}

/** What is written down: what one has no right to, and what one does too often. */
const refusals: readonly ErrorCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED']

/**
 * Makes any error fit to leave the process: refusals as they are, errors of the document as QUERY_REJECTED,
 * a database out of reach as UNAVAILABLE, everything else logged without its message and answered as INTERNAL.
 */
export function createMaskError(
  options: Pick<Ports, 'log' | 'refused'> & {
    metrics: Pick<Ports['metrics'], 'failed'>
    requestId: () => string | undefined
    /** What a line of the log says of who sent the request under way. */
    caller: () => object
    isTransient: (error: unknown) => boolean
    /** Whether errors of a document say what names there are. */
    suggestions: boolean
  },
) {
  return (thrown: unknown): GraphQLError => {
    const error = thrown instanceof GraphQLError ? thrown : null
    const original = error ? (error.originalError ?? null) : thrown
    const { nodes, path, source, positions } = error ?? {}
    const place = { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null }
    const at = (refusal: AuraError): GraphQLError => new GraphQLError(refusal.message, { ...place, extensions: { ...refusal.extensions } })
    // An alias may be a key.
    const where = path && redactKeys(path.join('.'))
    if (original instanceof AuraError) {
      const { code } = original.extensions
      if (refusals.includes(code)) options.refused(code, where)
      if (code === 'UNAVAILABLE') options.metrics.failed(code)
      return at(original)
    }
    if (error && (original === null || (original instanceof GraphQLError && !path))) {
      // Only these: Yoga puts the original error of bad JSON there, which repeats the body.
      const { field, http, requestId, retryAfterMs } = error.extensions
      // A code of the list is one that was given here before: what builds a context masks its errors itself.
      const code = errorCodes.find((each) => each === error.extensions['code']) ?? 'QUERY_REJECTED'
      // Yoga marks bad bodies and bad documents alike as 200 under `application/json`; only a document that was read earns that.
      const status = http && !source && !nodes ? { ...http, spec: false } : http
      const message = redactKeys(options.suggestions ? error.message : error.message.replace(/ Did you mean .*$/s, ''))
      return new GraphQLError(message, {
        ...place,
        extensions: {
          ...(status ? { http: status } : {}),
          ...(field ? { field } : {}),
          ...(requestId ? { requestId } : {}),
          ...(retryAfterMs ? { retryAfterMs } : {}),
          code,
        },
      })
    }
    if (options.isTransient(original)) {
      options.metrics.failed('UNAVAILABLE')
      options.log.warn({ ...options.caller(), path: where, ...describe(original) }, 'the database is out of reach')
      return at(unavailable())
    }
    options.metrics.failed('INTERNAL')
    const requestId = options.requestId()
    options.log.error({ ...options.caller(), path: where, ...describe(original) }, 'an operation failed')
    return new GraphQLError('Something failed on our side. The log has more under this request id.', {
      ...place,
      extensions: { code: 'INTERNAL', ...(requestId === undefined ? {} : { requestId }) },
    })
  }
}

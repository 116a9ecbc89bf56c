import { GraphQLError } from 'graphql'
import { redactKeys } from '../crypto/key-format.ts'
import { AuraError, type ErrorCode, errorCodes, unavailable } from '../errors.ts'
import type { Ports } from '../ports.ts'

/** Describes a failure without its message, which can contain values. */
const describe = (error: unknown): object => {
  const { name, code, stack } = error instanceof Error ? (error as Error & { code?: unknown }) : { name: typeof error, code: undefined, stack: undefined }
  return { error: name, code, stack: stack?.split('\n').filter((line) => /^\s+at /.test(line)) }
}

/** Refusals that are recorded: missing rights, and too many calls. */
const refusals: readonly ErrorCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'RATE_LIMITED']

/**
 * Makes any error safe for clients: refusals stay as they are, document errors become QUERY_REJECTED,
 * an unreachable database becomes UNAVAILABLE; everything else is logged without its message and becomes INTERNAL.
 */
export function createMaskError(
  options: Pick<Ports, 'log' | 'refused'> & {
    metrics: Pick<Ports['metrics'], 'failed'>
    requestId: () => string | undefined
    /** What a log line says about the sender of the current request. */
    caller: () => object
    isTransient: (error: unknown) => boolean
    /** Whether document errors suggest existing names. */
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
      // Only these: Yoga also puts the error of bad JSON there, which repeats the body.
      const { field, http, requestId, retryAfterMs } = error.extensions
      // A known code was set here earlier: the context builder masks its own errors.
      const code = errorCodes.find((each) => each === error.extensions['code']) ?? 'QUERY_REJECTED'
      // Yoga gives bad bodies and bad documents 200 under `application/json`; only a document that was read may get it.
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

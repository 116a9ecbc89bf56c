import type { CombinedError } from 'urql'

export interface Refusal {
  readonly message: string
  readonly code: string | undefined
  /** The input that the server did not take, without the word `input`: `name`, `expiresAt`. */
  readonly field: string | undefined
  /** For whoever reads the server's log. */
  readonly requestId: string | undefined
}

/** What the server said, or why nothing was heard from it. */
export function refusalOf(error: CombinedError): Refusal {
  const first = error.graphQLErrors[0]
  if (!first) return { message: 'The server does not answer. Check your connection, and try again.', code: undefined, field: undefined, requestId: undefined }
  const { code, field, requestId } = first.extensions as { code?: string; field?: string; requestId?: string }
  const header = (error.response as Response | undefined)?.headers?.get('x-request-id') ?? undefined
  return { message: first.message, code, field: field?.replace(/^input\./, ''), requestId: requestId ?? header }
}

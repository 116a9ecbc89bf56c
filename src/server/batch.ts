import type { IncomingMessage, ServerResponse } from 'node:http'
import { wantedBy } from './accept.ts'
import { answerJson } from './body.ts'

/** A longer batch has one refusal. */
const maxRefused = 100

const refusal = { errors: [{ message: 'Batches are not supported: send one operation per request.', extensions: { code: 'QUERY_REJECTED' } }] }

/** How many operations a batch has; 0 if it is no JSON. */
function sizeOf(text: string): number {
  try {
    return (JSON.parse(text) as unknown[]).length
  } catch {
    return 0
  }
}

/**
 * Refuses a body with several operations, and returns whether it is one. To who accepts the newer type, each operation has its own refusal: such clients
 * read a response with any status, and give each operation its part; one refusal for all would be shown as a wrong number of answers.
 */
export function refusedBatch({ headers }: IncomingMessage, response: ServerResponse, text: string): boolean {
  if (!/^\s*\[/.test(text)) return false
  const rich = 'application/graphql-response+json'
  const size = wantedBy(headers.accept).json === rich ? sizeOf(text) : 0
  if (size < 1 || size > maxRefused) answerJson(response, 400, refusal)
  else answerJson(response, 400, Array(size).fill(refusal), { 'content-type': `${rich}; charset=utf-8` })
  return true
}

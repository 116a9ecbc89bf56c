import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A route that matches before all others and skips the shared steps: it has no GraphQL and no request context. */
export type LeanRoute = (request: IncomingMessage, response: ServerResponse) => void

/** Header names and values, alternating. */
type Fields = readonly string[]

/** Responds in one write: a flat header list, so that Node makes no object, and a length, so that nothing is chunked. */
export function answerText(response: ServerResponse, status: number, json: string, { id = randomUUID() as string, fields = [] as Fields } = {}): void {
  const bytes = Buffer.byteLength(json)
  const headers = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(bytes),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    id,
    ...fields,
  ]
  // ASCII text is the same in both encodings, and latin1, with one byte per character, is written faster.
  response.writeHead(status, headers).end(json, bytes === json.length ? 'latin1' : 'utf8')
}

export const errorText = (text: string): string => JSON.stringify({ error: text })

const refuse = (response: ServerResponse, status: number, text: string): void => answerText(response, status, errorText(text))

/** How much of a refused body is read at most, in bytes. */
const maxThrownAway = 1_000_000

/**
 * Reads the whole body, at most `maxBytes` of it, then passes its text to `handle`. Refuses invalid UTF-8, since every reader would change
 * it differently; keeps a byte order mark, which is not JSON.
 */
export function withBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  handle: (text: string, request: IncomingMessage, response: ServerResponse) => void,
): void {
  let body: Buffer | null = null
  let size = 0
  request.on('data', (part: Buffer) => {
    const before = size
    size += part.length
    if (size <= maxBytes) body = body ? Buffer.concat([body, part]) : part
    else if (before <= maxBytes) refuse(response, 413, `The body may have at most ${maxBytes} bytes.`)
    // The rest is read and dropped, since closing the connection now may lose the response; but only up to a limit.
    else if (size > maxThrownAway) request.destroy()
  })
  request.on('end', () => {
    if (size > maxBytes) return
    const bytes = body ?? Buffer.alloc(0)
    if (!isUtf8(bytes)) return refuse(response, 400, 'The body must be UTF-8.')
    handle(bytes.toString(), request, response)
  })
}

import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A route that is found before everything else, and takes no detour: it knows no GraphQL and nothing of the request under way. */
export type LeanRoute = (request: IncomingMessage, response: ServerResponse) => void

/** Names and values of header fields, one after the other. */
type Fields = readonly string[]

/** Answers in one write: headers as a flat list, of which Node makes no object, and a length, so that nothing is chunked. */
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
  // Text without a character beyond ASCII is the same in both, and written faster as what has one byte a character.
  response.writeHead(status, headers).end(json, bytes === json.length ? 'latin1' : 'utf8')
}

export const errorText = (text: string): string => JSON.stringify({ error: text })

const refuse = (response: ServerResponse, status: number, text: string): void => answerText(response, status, errorText(text))

/** More of a body that was refused is not read, in bytes. */
const maxThrownAway = 1_000_000

/**
 * Reads the whole body, and no more than `maxBytes` of it, then hands its text over. What is no UTF-8 is refused, since every reader would change
 * it differently; a byte order mark stays, which is no JSON.
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
    // The rest is read and thrown away, since a connection that is closed meanwhile may lose the answer; but not without end.
    else if (size > maxThrownAway) request.destroy()
  })
  request.on('end', () => {
    if (size > maxBytes) return
    const bytes = body ?? Buffer.alloc(0)
    if (!isUtf8(bytes)) return refuse(response, 400, 'The body must be UTF-8.')
    handle(bytes.toString(), request, response)
  })
}

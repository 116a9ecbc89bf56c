import type { IncomingMessage, ServerResponse } from 'node:http'
import { collectBody } from './body.ts'
import { idFields } from './request.ts'

/** Header names and values, alternating. */
type Fields = readonly string[]

/** Responds in one write: a flat header list, so that Node makes no object, and a length, so that nothing is chunked. */
export function answerText(response: ServerResponse, status: number, json: string, fields: Fields = [], type = 'application/json'): void {
  const bytes = Buffer.byteLength(json)
  const headers = [
    'content-type',
    `${type}; charset=utf-8`,
    'content-length',
    String(bytes),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    ...idFields(response.req),
    ...fields,
  ]
  // ASCII text is the same in both encodings, and latin1, with one byte per character, is written faster.
  response.writeHead(status, headers).end(json, bytes === json.length ? 'latin1' : 'utf8')
}

export const errorText = (text: string): string => JSON.stringify({ error: text })

/** Reads the whole body, at most `maxBytes` of it, then passes its text to `handle`; refuses one that is too long, or no text. */
export function withBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  handle: (text: string, request: IncomingMessage, response: ServerResponse) => void,
): void {
  collectBody(request, maxBytes, (body) => {
    if ('text' in body) handle(body.text, request, response)
    else answerText(response, body.status, errorText(body.error))
  })
}

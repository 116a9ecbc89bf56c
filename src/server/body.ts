import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** The text of a request, or how to refuse it. */
export type Body = { text: string } | { status: 400 | 413; error: string }

/** How much of a refused body is read at most, in bytes. */
const maxThrownAway = 1_000_000

/** Those that were read already: several routes may look at the same request. */
const read = new WeakMap<IncomingMessage, Promise<Body>>()

const textOf = (bytes: Buffer): Body => (isUtf8(bytes) ? { text: bytes.toString() } : { status: 400, error: 'The body must be UTF-8.' })

/**
 * Reads the whole body, at most `maxBytes` of it, and passes it to `done`, once. Refuses invalid UTF-8, since every reader would fix it differently;
 * keeps a byte order mark, which is not JSON.
 */
export function collectBody(request: IncomingMessage, maxBytes: number, done: (body: Body) => void): void {
  const parts: Buffer[] = []
  let size = 0
  request.on('data', (part: Buffer) => {
    const before = size
    size += part.length
    if (size <= maxBytes) parts.push(part)
    else if (before <= maxBytes) done({ status: 413, error: `The body may have at most ${maxBytes} bytes.` })
    // The rest is read and dropped, since closing the connection now may lose the response; but only up to a limit.
    else if (size > maxThrownAway) request.destroy()
  })
  request.once('end', () => {
    if (size <= maxBytes) done(textOf(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)))
  })
}

/** The same as a promise, which rejects if the client goes away; a second call returns the same, whatever its limit. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const known = read.get(request)
  if (known) return known
  const body = new Promise<Body>((resolve, reject) => {
    const gone = (): void => reject(new Error('The client is gone.'))
    if (request.destroyed) return gone()
    collectBody(request, maxBytes, resolve)
    request.once('error', reject)
    // An error with its stack costs as much as a small answer, and every request is closed at some time.
    request.once('close', () => request.complete || gone())
  })
  read.set(request, body)
  return body
}

export function answerJson(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body))
}

import type { IncomingMessage, ServerResponse } from 'node:http'

/** The text of a request, or how to refuse it. */
export type Body = { text: string } | { status: 400 | 413; error: string }

/** Reads the whole body, and no more than `maxBytes` of it. What is no UTF-8 is refused, since every reader would mend it
 * differently; a byte order mark stays, which is no JSON. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) return { status: 413, error: `The body may have at most ${maxBytes} bytes.` }
    parts.push(part)
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts)) }
  } catch {
    return { status: 400, error: 'The body must be UTF-8.' }
  }
}

export function answerJson(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body))
}

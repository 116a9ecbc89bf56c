import type { IncomingMessage, ServerResponse } from 'node:http'

/** The text of a request, or how to refuse it. */
export type Body = { text: string } | { status: 400 | 413; error: string }

/** Reads the whole body, at most `maxBytes` of it. Refuses invalid UTF-8, since every reader would fix it
 * differently; keeps a byte order mark, which is not JSON. */
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

import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import type { TestServer } from './server.ts'

/** A code as `aura-keys portal-link` prints it. */
export const codeFor = ({ app, time }: TestServer, subject: string, organization = 'a', endsAt = new Date(time.now.getTime() + 600_000)): string =>
  app.ports.codes?.seal({ subject, organization, nonce: randomUUID(), endsAt }) ?? ''

/** What a browser sends from a page of this server. */
export const ownPage = (server: TestServer): Record<string, string> => ({ origin: server.url, 'sec-fetch-site': 'same-origin' })

export const portal = (server: TestServer, method: string, path: string, headers: Record<string, string> = {}, body?: unknown): Promise<Response> =>
  fetch(`${server.url}/portal/${path}`, {
    method,
    headers: {
      ...(method === 'GET' ? { 'sec-fetch-site': 'same-origin' } : ownPage(server)),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

/** The cookie that an answer sets, as a browser sends it back. */
export const cookieOf = (response: Response): string => (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? ''

/** Signs in and returns the cookie. */
export async function signIn(server: TestServer, subject: string, organization = 'a', headers: Record<string, string> = {}): Promise<string> {
  const response = await portal(server, 'POST', 'session', headers, { code: codeFor(server, subject, organization) })
  if (response.status !== 200) throw new Error(`the sign-in answered ${response.status}`)
  return cookieOf(response)
}

/** Opens a socket; resolves with what happened: refused at the upgrade, closed with a code, or acknowledged. */
export function openWith(
  server: TestServer,
  headers: Record<string, string>,
  payload: object = {},
): Promise<{ outcome: string; socket: WebSocket; closed: Promise<[code: number, reason: string]> }> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers })
  const closed = new Promise<[number, string]>((resolve) => socket.once('close', (code, reason) => resolve([code, String(reason)])))
  return new Promise((resolve) => {
    const settle = (outcome: string): void => resolve({ outcome, socket, closed })
    socket.on('error', () => undefined)
    socket.once('unexpected-response', (_request, response) => settle(String(response.statusCode)))
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })))
    socket.once('message', (data) => settle((JSON.parse(String(data)) as { type: string }).type))
    socket.once('close', (code) => settle(String(code)))
  })
}

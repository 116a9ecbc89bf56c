import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Whether a request asks for the protocol of sockets, the only one that this server changes to. */
export const asksForWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  String(headers.upgrade ?? '')
    .split(',')
    .some((protocol) => protocol.trim().toLowerCase() === 'websocket')

/** Headers that belong to the change of protocol. */
const isOfUpgrade = (name: string): boolean => /^(upgrade|http2-settings)$/i.test(name.trim())

/** The head of a request as it was sent, without the change of protocol. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (isOfUpgrade(name)) continue
    const rest = /^connection$/i.test(name)
      ? value
          .split(',')
          .filter((token) => !isOfUpgrade(token))
          .join()
      : value
    if (rest.trim() !== '') lines.push(`${name}: ${rest}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The response that a connection is sending, if any. Node has no other name for it. */
const sending = (socket: Duplex): ServerResponse | null => (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? null

/**
 * Serves a request that asks for another protocol as if it did not: RFC 9110 7.8. `curl --http2` and Java's client ask for `h2c` with each request.
 * Node gives every such request to the listeners of `upgrade`, without its body, and its connection too; so the connection begins anew, with the
 * request in front of what was not read yet.
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Duplex, rest: Buffer): void {
  const destroy = (): void => void socket.destroy()
  socket.on('error', destroy)
  const begin = (): void => {
    const response = sending(socket)
    // Responses to earlier requests of the connection go first.
    if (response) return void response.once('close', () => setImmediate(begin))
    socket.off('error', destroy)
    if (socket.destroyed) return
    socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), rest]))
    server.emit('connection', socket)
  }
  begin()
}

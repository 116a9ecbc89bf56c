import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'

/** Returns the address that a request counts under. */
export type AddressOf = (request: IncomingMessage) => string

/** An address from a proxy, without port and brackets, IPv4 within IPv6 as IPv4; null if it is invalid. */
function parseAddress(text: string): string | null {
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '')
  if (isIP(bare) !== 6) return isIP(bare) === 4 ? bare : null
  // A URL writes an address in its shortest form, with hexadecimal digits only.
  const shortest = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(shortest) ?? []
  if (high === undefined || low === undefined) return shortest
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [upper >> 8, upper & 255, lower >> 8, lower & 255].join('.')
}

/** What counts as one: an IPv4 address, or an IPv6 /64, where one host can choose any address. */
function blockOf(address: string): string {
  if (isIP(address) === 4) return address
  const [head = '', tail] = address.split('::')
  const [before, after] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')))
  const zeros = tail === undefined ? [] : Array<string>(8 - (before?.length ?? 0) - (after?.length ?? 0)).fill('0')
  return `${[...(before ?? []), ...zeros, ...(after ?? [])].slice(0, 4).join(':')}::/64`
}

/** Without any, the default, an address costs nothing to look up. */
function createIsIn(trusted: BlockList): (address: string) => boolean {
  if (trusted.rules.length === 0) return () => false
  return (address) => trusted.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

/** Whether a trusted proxy sent a request. */
export function createIsFromProxy(trusted: BlockList): (request: IncomingMessage) => boolean {
  const isIn = createIsIn(trusted)
  return ({ socket }) => {
    const sender = parseAddress(socket.remoteAddress ?? '')
    return sender !== null && isIn(sender)
  }
}

/**
 * Returns the address of a request. `X-Forwarded-For` is read from its right end, where the nearest proxy writes, while the writer is
 * trusted: what a client writes there itself is never reached.
 */
export function createAddresses(trusted: BlockList): AddressOf {
  const isIn = createIsIn(trusted)
  return ({ socket, headers }) => {
    let client = parseAddress(socket.remoteAddress ?? '')
    if (client === null) return 'unknown'
    const chain = String(headers['x-forwarded-for'] ?? '').split(',')
    while (isIn(client)) {
      const next = parseAddress(chain.pop() ?? '')
      if (next === null) break
      client = next
    }
    return blockOf(client)
  }
}

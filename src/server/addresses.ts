import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'

/** Tells where a request comes from, as it is counted. */
export type AddressOf = (request: IncomingMessage) => string

/** An address as proxies write it, without port and brackets, IPv4 within IPv6 as IPv4; null when it is none. */
function parseAddress(text: string): string | null {
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '')
  if (isIP(bare) !== 6) return isIP(bare) === 4 ? bare : null
  // A URL writes an address in its one shortest form, with hexadecimal digits only.
  const shortest = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(shortest) ?? []
  if (high === undefined || low === undefined) return shortest
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [upper >> 8, upper & 255, lower >> 8, lower & 255].join('.')
}

/** What is counted as one: an IPv4 address, or the /64 that one IPv6 host can move in as it likes. */
function blockOf(address: string): string {
  if (isIP(address) === 4) return address
  const [head = '', tail] = address.split('::')
  const [before, after] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')))
  const zeros = tail === undefined ? [] : Array<string>(8 - (before?.length ?? 0) - (after?.length ?? 0)).fill('0')
  return `${[...(before ?? []), ...zeros, ...(after ?? [])].slice(0, 4).join(':')}::/64`
}

/**
 * Tells from which address a request comes. `X-Forwarded-For` is read from its right end, where the nearest proxy writes, for as long as whoever
 * wrote it is trusted: what a client puts there itself is never reached.
 */
export function createAddresses(trusted: BlockList): AddressOf {
  const isTrusted = (address: string): boolean => trusted.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
  return ({ socket, headers }) => {
    let client = parseAddress(socket.remoteAddress ?? '')
    if (client === null) return 'unknown'
    const chain = String(headers['x-forwarded-for'] ?? '').split(',')
    while (isTrusted(client)) {
      const next = parseAddress(chain.pop() ?? '')
      if (next === null) break
      client = next
    }
    return blockOf(client)
  }
}

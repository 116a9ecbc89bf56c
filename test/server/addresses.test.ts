import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.ts'
import { createAddresses } from '../../src/server/addresses.ts'

/** How a request is counted that comes from `remote` with this chain. */
const counted = (trusted: string, remote: string | undefined, chain?: string): string =>
  createAddresses(loadConfig({ TRUSTED_PROXIES: trusted }).TRUSTED_PROXIES)({
    socket: { remoteAddress: remote },
    headers: chain === undefined ? {} : { 'x-forwarded-for': chain },
  } as IncomingMessage)

test('HP-08 without trusted proxies no chain changes where a request comes from', () => {
  for (const chain of [undefined, '', '203.0.113.9', '203.0.113.9, 127.0.0.1', 'nonsense', ',,,']) expect(counted('', '127.0.0.1', chain)).toBe('127.0.0.1')
})

test('HP-08 of a chain the first address from the right is believed that no trusted proxy has, whatever stands before it', () => {
  const trusted = '127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48'
  for (const forged of ['', '203.0.113.9, ', '10.0.0.1, 127.0.0.1, ', 'nonsense, ', `${'10.0.0.1, '.repeat(1_000)}`]) {
    expect(counted(trusted, '127.0.0.1', `${forged}198.51.100.7`)).toBe('198.51.100.7')
    expect(counted(trusted, '127.0.0.1', `${forged}198.51.100.7, 10.9.9.9`)).toBe('198.51.100.7')
    expect(counted(trusted, '2001:db8:ffff:1::1', `${forged}198.51.100.7,10.9.9.9 ,2001:db8:ffff::2`)).toBe('198.51.100.7')
    // Who is not trusted may write what they like.
    expect(counted(trusted, '192.0.2.1', `${forged}198.51.100.7`)).toBe('192.0.2.1')
    expect(counted(trusted, '127.0.0.1', `${forged}198.51.100.7, 192.0.2.1`)).toBe('192.0.2.1')
  }
  // What is no address is nobody's: the proxy that wrote it is counted.
  for (const nothing of [undefined, '', 'unknown', '198.51.100.7, _hidden', '1.2.3.4.5', '::g'])
    expect(counted(trusted, '127.0.0.1', nothing)).toBe('127.0.0.1')
  expect(counted(trusted, undefined, '198.51.100.7')).toBe('unknown')
})

test('one host is one address, however it is written and wherever it moves in its block', () => {
  const same = (...texts: string[]): void => expect(new Set(texts.map((text) => counted('127.0.0.1', '127.0.0.1', text))).size, texts.join(' ')).toBe(1)
  same('198.51.100.7', '::ffff:198.51.100.7', '::FFFF:c633:6407', '0:0:0:0:0:ffff:198.51.100.7', '198.51.100.7:4711', '[::ffff:198.51.100.7]:4711')
  same('2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002:0::9', '[2001:db8:1:2::3]:443', '[2001:db8:1:2::3]', '2001:db8:1:2::3%eth0')
  same('2001:db8::1', '2001:db8::ffff:0:0:1', '2001:db8:0:0:1::')
  same('::1', '::2', '0:0:0:0:9:9:9:9')
  expect(counted('', '2001:db8:1:2::1')).toBe('2001:db8:1:2::/64')
  expect(counted('', '2001:db8:1:3::1')).toBe('2001:db8:1:3::/64')
  expect(counted('', '::ffff:198.51.100.7')).toBe('198.51.100.7')
  // A proxy that is reached over IPv6 sockets is trusted as what it is.
  expect(counted('127.0.0.1', '::ffff:127.0.0.1', '198.51.100.8')).toBe('198.51.100.8')
  expect(counted('2001:db8:1:2::1', '2001:db8:1:2::9', '198.51.100.8')).toBe('2001:db8:1:2::/64')
})

test('trusted proxies are addresses and blocks, and never everybody', () => {
  for (const wrong of ['proxy.example', '10.0.0.0/33', '2001:db8::/129', '10.0.0.0/8,', '0.0.0.0/0', '::/0', '10.0.0.0/x', '*'])
    expect(() => loadConfig({ TRUSTED_PROXIES: wrong }), wrong).toThrow(ConfigError)
  expect(() => loadConfig({ TRUSTED_PROXIES: 'proxy.example' })).toThrow(/TRUSTED_PROXIES must be addresses or blocks/)
})

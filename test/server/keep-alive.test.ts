import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

/** Asks once over a connection that stays; resolves to the response's head and to how long the connection lived on, in milliseconds. */
function ask(url: string): Promise<{ head: string; livedMs: number }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let head = ''
    let answeredAt = 0
    const socket = connect(Number(port), hostname, () => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'))
    socket.on('error', reject)
    socket.on('data', (part) => {
      head += part
      answeredAt = performance.now()
    })
    socket.on('end', () => {
      socket.end()
      resolve({ head, livedMs: performance.now() - answeredAt })
    })
    setTimeout(() => socket.end(), 15_000).unref()
  })
}

test('idle connections stay for KEEP_ALIVE_SECONDS, and clients are told', { timeout: 60_000 }, async () => {
  const server = await startServer({ KEEP_ALIVE_SECONDS: '7' })
  try {
    const { head, livedMs } = await ask(server.url)
    expect(head).toMatch(/^keep-alive: timeout=7\r$/im)
    // Longer than Node's own five seconds.
    expect(livedMs).toBeGreaterThan(6_500)
    // The server ended it, and not this client.
    expect(livedMs).toBeLessThan(14_500)
  } finally {
    await server.close()
  }
})

test('without the setting they stay for longer than those of a balancer, which keeps them for 60 s', async () => {
  const server = await startServer()
  try {
    const { headers } = await fetch(`${server.url}/healthz`)
    expect(headers.get('keep-alive')).toBe('timeout=75')
    const began = performance.now()
    await server.close()
    expect(performance.now() - began).toBeLessThan(10_000)
  } finally {
    await server.close().catch(() => undefined)
  }
})

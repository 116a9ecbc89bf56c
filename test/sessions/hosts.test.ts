import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { createCompany } from '../support/company.ts'
import { companyOfFile, serverOfFile } from '../support/file-server.ts'
import { startProxy } from '../support/proxy.ts'
import { codeFor, openWith, signIn } from '../support/session.ts'

const { server } = await companyOfFile()
const cookie = await signIn(server, 'devA')
const { port, host } = new URL(server.url)

/** The status of a query whose header lines go out exactly as they are here: no client library tidies them up. */
function ask(lines: readonly string[], version = '1.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const body = '{"query":"{ apps { id } }"}'
    const line = connect(Number(port), '127.0.0.1')
    const all = [...lines, 'content-type: application/json', `content-length: ${body.length}`, 'connection: close']
    line.write(`POST /graphql HTTP/${version}\r\n${all.join('\r\n')}\r\n\r\n${body}`)
    line.once('data', (part) => {
      line.destroy()
      resolve(Number(part.toString('latin1').split(' ')[1]))
    })
    line.once('error', reject)
  })
}

test('SE-05 the Host that decides is exactly that of the address: no other spelling, and never one of several', async () => {
  const own = `http://${host}`
  const cases: [hosts: string[], origin: string, status: number][] = [
    [[host], own, 200],
    [[`[::1]:${port}`], `http://[::1]:${port}`, 200],
    [['keys.example'], 'http://keys.example', 200],
    [[host, 'evil.example'], own, 401],
    [[host, 'evil.example'], 'http://evil.example', 401],
    [['evil.example', host], 'http://evil.example', 401],
    [[host, host], own, 401],
    [[`${host}, evil.example`], own, 401],
    [[`${host}, evil.example`], 'http://evil.example', 401],
    [[`LOCALHOST:${port}`], `http://localhost:${port}`, 401],
    [['keys.example:80'], 'http://keys.example', 401],
    [['keys.example.'], 'http://keys.example', 401],
    [[`evil@${host}`], own, 401],
    [[`${host}@evil.example`], 'http://evil.example', 401],
    [[''], 'http://', 401],
  ]
  for (const [hosts, origin, status] of cases) {
    const lines = [...hosts.map((each) => `host: ${each}`), `origin: ${origin}`, `cookie: ${cookie}`]
    expect([hosts, origin, await ask(lines)]).toEqual([hosts, origin, status])
  }
  expect(await ask(['origin: http://undefined', `cookie: ${cookie}`], '1.0')).toBe(401)
})

test('SE-05 of an Origin or a Sec-Fetch-Site that comes twice none counts', async () => {
  const own = `http://${host}`
  for (const [lines, status] of [
    [['sec-fetch-site: same-origin'], 200],
    [['sec-fetch-site: same-origin', 'sec-fetch-site: cross-site'], 401],
    [['sec-fetch-site: cross-site', 'sec-fetch-site: same-origin'], 401],
    [[`origin: ${own}`, 'origin: https://evil.example'], 401],
    [['origin: https://evil.example', `origin: ${own}`], 401],
    [['origin: ', 'sec-fetch-site: same-origin'], 401],
    [[`origin: ${own}/`], 401],
    [[`origin: ${own.toUpperCase()}`], 401],
  ] as const) {
    expect([lines, await ask([`host: ${host}`, ...lines, `cookie: ${cookie}`])]).toEqual([lines, status])
  }
})

test('SE-05 of a cookie that comes twice none counts, and one of another name is none', async () => {
  const own = [`host: ${host}`, `origin: http://${host}`]
  const [name = '', value = ''] = cookie.split('=')
  const other = await signIn(server, 'ownA')
  for (const [lines, status] of [
    [[`cookie: a=b; ${cookie}; c="d=e"`], 200],
    [[`cookie: ${cookie}; ${other}`], 401],
    [[`cookie: ${cookie}`, `cookie: ${other}`], 401],
    [[`cookie: ${cookie}; ${name}=`], 401],
    [[`cookie: __Host-${cookie}`], 401],
    [[`cookie: aura-keys-session-00000000=${value}`], 401],
    [[`cookie: ${name.toUpperCase()}=${value}`], 401],
    [[`cookie: ${name}="${value}"`], 401],
    [[`cookie: ${name}=${value}x`], 401],
    [[`cookie: x${cookie}`], 401],
  ] as const) {
    expect([lines, await ask([...own, ...lines])]).toEqual([lines, status])
  }
})

test('SE-14 behind a proxy that rewrites Host, people sign in where PUBLIC_URL says what they see, and are refused with a hint where it does not', async () => {
  const seen = 'https://keys.example'
  const told = await serverOfFile({ PUBLIC_URL: seen })
  await createCompany(told)
  for (const [behind, status] of [
    [told, 200],
    [server, 403],
  ] as const) {
    const rewritten = (said: Buffer): Buffer => Buffer.from(said.toString('latin1').replace(/^host: .*$/im, `Host: ${new URL(behind.url).host}`), 'latin1')
    const proxy = await startProxy(behind.url, rewritten)
    afterAll(() => proxy.stop())
    behind.log.length = 0
    // The last two are what such a proxy adds, and what anybody could.
    const headers = { host: 'keys.example', origin: seen, 'x-forwarded-host': 'keys.example', 'x-forwarded-proto': 'https' }
    const answer = await new Promise<{ status: number; cookie: string; text: string }>((resolve, reject) => {
      const { hostname, port } = new URL(proxy.url)
      const sent = request({
        hostname,
        port,
        path: '/portal/session',
        method: 'POST',
        agent: false,
        headers: { ...headers, 'content-type': 'application/json' },
      })
      sent.once('error', reject).once('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, cookie: response.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '', text }))
      })
      sent.end(JSON.stringify({ code: codeFor(behind, 'devA') }))
    })
    expect(answer.status).toBe(status)
    if (status === 403) {
      expect(answer.text).toContain('see PUBLIC_URL')
      expect(behind.log.map(({ fields }) => fields)).toContainEqual(expect.objectContaining({ origin: seen, host: new URL(behind.url).host }))
      continue
    }
    expect(answer.cookie).toMatch(/^__Host-aura-keys-session-/)
    const through = { ...behind, url: proxy.url.replace(/\/$/, '') }
    const { outcome, socket } = await openWith(through, { host: 'keys.example', origin: seen, cookie: answer.cookie })
    socket.terminate()
    expect(outcome).toBe('connection_ack')
  }
})

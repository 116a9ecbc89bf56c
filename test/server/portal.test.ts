import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { createHttpServer } from '../../src/server/http.ts'
import { portalRoutes } from '../../src/server/portal.ts'
import type { Route } from '../../src/server/route.ts'
import { serverOfFile } from '../support/file-server.ts'

const server = await serverOfFile()

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-portal-'))
mkdirSync(join(folder, 'portal', 'assets'), { recursive: true })
const script = 'console.log("a script that is long enough")'
const put = (name: string, text: string | Uint8Array): void => writeFileSync(join(folder, 'portal', name), text)
put('index.html', '<!doctype html><title>portal</title>')
put('icon.svg', '<svg/>')
put('assets/index-abc.js', script)
put('assets/index-abc.js.br', brotliCompressSync(script))
put('assets/index-abc.js.gz', gzipSync(script))
put('assets/index-abc.js.map', '{}')
writeFileSync(join(folder, 'outside.js'), 'secret')

async function listening(routes: Readonly<Record<string, Route>>): Promise<string> {
  const http = createHttpServer(routes, new Map(), { addressOf: () => '127.0.0.1', isFromProxy: () => false, keepAliveMs: 75_000 })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  afterAll(() => void http.close())
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}
const url = await listening(portalRoutes(join(folder, 'portal')))
const unbuilt = await listening(portalRoutes(join(folder, 'nowhere')))
afterAll(() => rmSync(folder, { recursive: true }))

/** Sends the path as it is: fetch would tidy it up. */
const get = (path: string, headers: Record<string, string> = {}, method = 'GET', at = url): Promise<IncomingMessage & { text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(at)
    request({ hostname, port, path, headers, method }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Object.assign(response, { text: Buffer.concat(parts).toString() })))
    })
      .once('error', reject)
      .end()
  })

test('HP-13 the page and its files come with the policy that lets no foreign code run', async () => {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
  for (const path of ['/portal/', '/portal/index.html', '/portal/assets/index-abc.js', '/portal/icon.svg', '/', '/portal/assets/nothing.js']) {
    const { headers } = await get(path)
    expect([path, headers]).toEqual([
      path,
      expect.objectContaining({
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': 'clipboard-write=(self)',
      }),
    ])
  }
})

test('HP-14 hashed files are kept forever, index.html is asked for again each time', async () => {
  const script = await get('/portal/assets/index-abc.js')
  expect(script.headers).toMatchObject({ 'cache-control': 'public, max-age=31536000, immutable', 'content-type': 'text/javascript; charset=utf-8' })
  for (const path of ['/portal/', '/portal/index.html', '/portal/icon.svg']) expect((await get(path)).headers['cache-control']).toBe('no-cache')
  const page = await get('/portal/')
  const again = await get('/portal/', { 'if-none-match': String(page.headers.etag) })
  expect([page.text, again.statusCode, again.text]).toEqual(['<!doctype html><title>portal</title>', 304, ''])
})

test('HP-14 a client that has a file already gets no body, also when it lists several tags or a proxy rewrote its tag', async () => {
  for (const path of ['/portal/', '/portal/assets/index-abc.js']) {
    const tag = String((await get(path)).headers.etag)
    const bare = tag.replace('W/', '')
    for (const [listed, status] of [
      [tag, 304],
      [bare, 304],
      [`"other", ${tag}`, 304],
      [`W/"other",${bare} , "third"`, 304],
      ['*', 304],
      ['"other"', 200],
      [bare.slice(1, -1), 200],
      ['', 200],
    ] as const) {
      for (const method of ['GET', 'HEAD']) {
        const { statusCode, text, headers } = await get(path, { 'if-none-match': listed }, method)
        expect([path, listed, method, statusCode, headers.etag, text === '']).toEqual([path, listed, method, status, tag, status === 304 || method === 'HEAD'])
      }
    }
  }
})

test('HP-14 HEAD says what GET would, and other methods learn which there are', async () => {
  for (const path of ['/portal/', '/portal/assets/index-abc.js', '/portal/assets/nothing.js', '/', '/portal/signin']) {
    const [whole, head] = [await get(path, { 'accept-encoding': 'br' }), await get(path, { 'accept-encoding': 'br' }, 'HEAD')]
    const kept = ({ statusCode, headers }: IncomingMessage) => [
      statusCode,
      ...['content-type', 'content-length', 'content-encoding', 'etag', 'location'].map((name) => headers[name]),
    ]
    // Node counts the bytes of a short text itself, if it sends them.
    if (whole.statusCode === 404) expect([head.statusCode, head.text]).toEqual([404, ''])
    else expect([kept(head), head.text]).toEqual([kept(whole), ''])
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { statusCode, headers } = await get(path, {}, method)
      expect([path, method, statusCode, headers.allow]).toEqual([path, method, 405, 'GET, HEAD'])
    }
  }
})

test('HP-14 files are compressed as the client takes them', async () => {
  for (const [accepted, coding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0, gzip;q=0.5', 'gzip'],
    ['*', 'br'],
    ['br;q=0, *;q=0', undefined],
    ['br;q=0', undefined],
    ['br;q=0.000, gzip;q=0.001', 'gzip'],
    ['BR', 'br'],
    ['br ; q=0 , GZIP', 'gzip'],
    ['*, br;q=0', 'gzip'],
    ['*;q=0', undefined],
    ['identity', undefined],
    ['deflate, zstd', undefined],
    ['br;q=nonsense', undefined],
    ['xbr, brx', undefined],
    ['', undefined],
  ] as const) {
    const { headers, text } = await get('/portal/assets/index-abc.js', { 'accept-encoding': accepted })
    expect([accepted, headers['content-encoding'], headers.vary]).toEqual([accepted, coding, 'accept-encoding'])
    if (coding === undefined) expect(text).toBe(script)
  }
})

test('HP-14 only files that were there at the start are served; every path that a browser opens is the page', async () => {
  for (const path of ['/portal/apps/x/keys', '/portal/signin', '/portal/..%2foutside.js']) {
    const { statusCode, text } = await get(path, { accept: 'text/html,*/*' })
    expect([path, statusCode, text]).toEqual([path, 200, '<!doctype html><title>portal</title>'])
  }
  const nowhere = [
    '/portal/../outside.js',
    '/portal/assets/../../outside.js',
    '/portal/assets/..%2f..%2foutside.js',
    '/portal/assets/index-abc.js.map',
    '/portal/assets/index-abc.js.br',
    '/portal/%2e%2e/outside.js',
    '/portal/%2e%2e%2foutside.js',
    '/portal/..\\outside.js',
    '/portal/./index.html',
    '/portal//index.html',
    '/portal/assets/..',
    '/portal/assets/index-abc.js/',
    '/portal/assets/index-abc.js%00',
    '/portal/assets/%69ndex-abc.js',
    '/portal/assets/INDEX-ABC.JS',
    '/portal/__proto__',
    '/portal/constructor',
    '/portal/assets/__proto__',
  ]
  for (const path of [...nowhere, '/portal/assets/', '/portal/signin']) expect([path, (await get(path)).statusCode]).toEqual([path, 404])
  for (const path of nowhere) {
    // Whatever is no file is at most the page, which decides nothing by the path.
    const { statusCode, text } = await get(path, { accept: 'text/html' })
    expect([path, statusCode === 404 || text === '<!doctype html><title>portal</title>', text.includes('secret')]).toEqual([path, true, false])
  }
  expect((await get('/portal/assets/gone.js', { accept: 'text/html' })).statusCode).toBe(404)
  put('assets/later-def.js', 'later')
  expect((await get('/portal/assets/later-def.js')).statusCode).toBe(404)
  expect((await get('/portal/', {}, 'POST')).statusCode).toBe(405)
  const head = await get('/portal/', {}, 'HEAD')
  expect([head.statusCode, head.text]).toEqual([200, ''])
})

test('HP-14 the root leads to the page; a server without it built says so, and other routes are no page', async () => {
  for (const path of ['/', '/portal']) {
    const { statusCode, headers } = await get(path)
    expect([statusCode, headers.location]).toEqual([302, '/portal/'])
  }
  const missing = await get('/portal/', { accept: 'text/html' }, 'GET', unbuilt)
  expect([missing.statusCode, missing.text]).toEqual([503, 'The portal is not built on this server. Build it with: npm run build\n'])
  expect((await get('/', {}, 'GET', server.url)).headers.location).toBe('/portal/')
  for (const path of ['/portal/session', '/portal/sessions']) {
    const answer = await get(path, { accept: 'text/html' }, 'GET', server.url)
    expect([path, answer.statusCode, answer.headers['content-type']]).toEqual([path, 401, 'application/json; charset=utf-8'])
  }
  for (const path of ['/v1/nothing', '/graphql/', '/metrics/x', '/portalx']) {
    expect([path, (await get(path, { accept: 'text/html' }, 'GET', server.url)).statusCode]).toEqual([path, 404])
  }
})

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'
import type { Route } from './http.ts'

/** Where the build puts the page, seen from the source and from the build alike. */
export const portalFolder = new URL('../../dist/portal/', import.meta.url).pathname

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** No inline script or style, no other origin, no frame, and no text that becomes HTML. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'clipboard-write=(self)',
}

interface File {
  readonly type: string
  readonly etag: string
  /** Its bytes by content coding, the best one first; `identity` is last. */
  readonly codings: readonly (readonly [coding: 'br' | 'gzip' | 'identity', bytes: Buffer])[]
}

/** Reads the built files into memory, by the path that asks for each: no path of a request ever reaches the file system. */
function readFiles(folder: string): ReadonlyMap<string, File> {
  const files = new Map<string, File>()
  if (!existsSync(folder)) return files
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = readFileSync(path)
    const codings: File['codings'][number][] = []
    if (existsSync(`${path}.br`)) codings.push(['br', readFileSync(`${path}.br`)])
    if (existsSync(`${path}.gz`)) codings.push(['gzip', readFileSync(`${path}.gz`)])
    codings.push(['identity', bytes])
    // Weak, since every content coding has the same.
    const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    files.set(`/portal/${relative(folder, path).split(sep).join('/')}`, { type, etag, codings })
  }
  return files
}

/** Whether a client takes the coding: it names it, or `*`, with another weight than 0. */
function takes(accepted: string, coding: string): boolean {
  const weights = new Map(
    accepted.split(',').map((part): [string, number] => {
      const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
      const q = parameters.find((parameter) => parameter.startsWith('q='))
      return [name, q === undefined ? 1 : Number(q.slice(2))]
    }),
  )
  return (weights.get(coding) ?? weights.get('*') ?? 0) > 0
}

/** Whether `If-None-Match` lists the tag. A proxy may have made it strong, or weak again. */
function holds(listed: string, etag: string): boolean {
  const bare = (tag: string): string => tag.trim().replace(/^W\//, '')
  return listed.split(',').some((tag) => bare(tag) === bare(etag) || tag.trim() === '*')
}

function send(request: IncomingMessage, response: ServerResponse, file: File, caching: string): void {
  const shared = { ...headers, 'cache-control': caching, etag: file.etag, vary: 'accept-encoding' }
  if (holds(request.headers['if-none-match'] ?? '', file.etag)) return void response.writeHead(304, shared).end()
  const accepted = String(request.headers['accept-encoding'] ?? '')
  const [coding, bytes] = file.codings.find(([name]) => name === 'identity' || takes(accepted, name)) as File['codings'][number]
  response
    .writeHead(200, {
      ...shared,
      'content-type': file.type,
      'content-length': String(bytes.length),
      ...(coding === 'identity' ? {} : { 'content-encoding': coding }),
    })
    .end(bytes)
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headers, ...(status === 405 ? { allow: 'GET, HEAD' } : {}), 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

/**
 * Serves the built page below /portal/: files whose names carry a hash forever, everything else anew. Each path of the page that a browser opens
 * is index.html, which shows what the path means.
 */
export function portalRoutes(folder = portalFolder): Readonly<Record<string, Route>> {
  const files = readFiles(folder)
  const index = files.get('/portal/index.html')

  const redirect: Route = (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'Use GET.')
    response.writeHead(302, { ...headers, location: '/portal/' }).end()
  }

  const page: Route = (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'Use GET.')
    if (!index) return say(response, 503, 'The portal is not built on this server. Build it with: npm run build')
    const [path = ''] = (request.url ?? '').split('?', 1)
    const file = files.get(path)
    if (file && path.startsWith('/portal/assets/')) return send(request, response, file, 'public, max-age=31536000, immutable')
    if (file) return send(request, response, file, 'no-cache')
    const isPage = !path.startsWith('/portal/assets/') && /text\/html/.test(request.headers.accept ?? '')
    if (isPage || path === '/portal/') return send(request, response, index, 'no-cache')
    say(response, 404, 'There is nothing here.')
  }
  return { '/': redirect, '/portal': redirect, '/portal/': page }
}

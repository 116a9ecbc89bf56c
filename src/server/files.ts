import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** A file in memory. */
export interface File {
  readonly type: string
  readonly etag: string
  /** Its bytes by content coding, the best one first; `identity` is last. */
  readonly codings: readonly (readonly [coding: 'br' | 'gzip' | 'identity', bytes: Buffer])[]
}

/** Reads the built files of a folder into memory, by the path below `base` that asks for each: no path of a request ever reaches the file system. */
export function readFiles(folder: string, base: string): ReadonlyMap<string, File> {
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
    files.set(`${base}${relative(folder, path).split(sep).join('/')}`, { type, etag, codings })
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

/** Sends a file in the best coding that the client takes, or 304. */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: File, headers: Readonly<Record<string, string>>): void {
  const shared = { ...headers, etag: file.etag, vary: 'accept-encoding' }
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

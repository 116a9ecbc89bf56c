import { fileURLToPath } from 'node:url'
import { answerJson } from './body.ts'
import { type File, readFiles, sendFile } from './files.ts'
import type { Route } from './route.ts'

/** Where the build puts the page, seen from the source and from the build alike. */
export const graphiqlFolder = fileURLToPath(new URL('../../dist/graphiql/', import.meta.url))

/** Scripts of our own alone. The editor writes styles into the page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
}

export interface GraphiQL {
  /** The page itself, which `/graphql` shows to browsers. */
  readonly page: Route
  /** What the page loads. */
  readonly routes: Readonly<Record<string, Route>>
}

/** GraphiQL from files of our own, signed in by the session of the portal. They are read when the page is first opened, since few open it. */
export function createGraphiQL(folder = graphiqlFolder): GraphiQL {
  let files: ReadonlyMap<string, File> | undefined
  const serve =
    (name: string): Route =>
    (request, response) => {
      files ??= readFiles(folder, '')
      const file = files.get(name)
      if (!file) return answerJson(response, 503, { error: 'GraphiQL is not built on this server. Build it with: npm run build' })
      if (request.method !== 'GET' && request.method !== 'HEAD') return answerJson(response, 405, { error: 'Use GET.' }, { allow: 'GET, HEAD' })
      sendFile(request, response, file, headers)
    }
  const loaded = ['start.js', 'graphiql.js', 'graphiql.css', 'editor.js', 'json.js', 'graphql.js']
  return { page: serve('index.html'), routes: Object.fromEntries(loaded.map((name) => [`/graphiql/${name}`, serve(name)])) }
}

import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { readFiles, sendFile } from './files.ts'
import type { Route } from './route.ts'

/** Where the build puts the page, seen from the source and from the build alike. */
export const portalFolder = fileURLToPath(new URL('../../dist/portal/', import.meta.url))

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

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headers, ...(status === 405 ? { allow: 'GET, HEAD' } : {}), 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

/**
 * Serves the built page below /portal/: files whose names carry a hash forever, everything else anew. Each path of the page that a browser opens
 * is index.html, which shows what the path means.
 */
export function portalRoutes(folder = portalFolder): Readonly<Record<string, Route>> {
  const files = readFiles(folder, '/portal/')
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
    if (file && path.startsWith('/portal/assets/'))
      return sendFile(request, response, file, { ...headers, 'cache-control': 'public, max-age=31536000, immutable' })
    if (file) return sendFile(request, response, file, { ...headers, 'cache-control': 'no-cache' })
    const isPage = !path.startsWith('/portal/assets/') && /text\/html/.test(request.headers.accept ?? '')
    if (isPage || path === '/portal/') return sendFile(request, response, index, { ...headers, 'cache-control': 'no-cache' })
    say(response, 404, 'There is nothing here.')
  }
  return { '/': redirect, '/portal': redirect, '/portal/': page }
}

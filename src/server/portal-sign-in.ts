import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProviderSignIn } from '../authentication/provider-sign-in.ts'
import { unauthenticated } from '../errors.ts'
import type { Ports } from '../ports.ts'
import type { Cookies } from './cookies.ts'
import { statusOf } from './error-status.ts'
import { limitFailures } from './request.ts'
import type { Route } from './route.ts'

/** Where a sign-in at the identity provider begins. */
export const signInPath = '/portal/sign-in'
const callbackPath = '/portal/callback'

interface Options {
  readonly provider: ProviderSignIn
  readonly cookies: Cookies
  readonly ports: Pick<Ports, 'organizations' | 'rateLimits'>
  readonly startSession: (input: { subject: string; organization: string }) => Promise<{ token: string }>
  /** The organization of who names none, if the server has one for them. */
  readonly defaultOrganization: string | null
  readonly publicUrl: string | undefined
  /** Makes an error safe to send. */
  readonly mask: (error: unknown) => { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }
}

/** A path of the page; anything else, such as another site's address, is its first view. */
const ownPath = (text: string | null): string => (text !== null && /^\/portal\/[\w./?=&%:,+*-]*$/.test(text) && !text.includes('//') ? text : '/portal/')

/** These pages have a line of text, and nothing that runs. */
const policy = { 'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'", 'referrer-policy': 'no-referrer' }

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

function show(response: ServerResponse, status: number, head: string, text: string, cookies: readonly string[]): void {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Aura keys</title>${head}</head><body><p>${text}</p></body></html>`
  response.writeHead(status, { ...policy, 'content-type': 'text/html; charset=utf-8', 'set-cookie': [...cookies] }).end(html)
}

/** The two steps of a sign-in that the server takes part in: it sends the browser to the provider, and takes it back. */
export function portalSignInRoutes(options: Options): Readonly<Record<string, Route>> {
  const { provider, cookies, ports, startSession, defaultOrganization, publicUrl, mask } = options
  const ownOf = ({ headers }: IncomingMessage): string => publicUrl ?? `http://${headers.host}`

  const finish = limitFailures(async ({ cameTo, pending }: { cameTo: URL; pending: string }) => {
    const { subject, organization: claimed, returnTo } = await provider.finish(cameTo, pending)
    const found = await ports.organizations.ofSubject({ select: { id: true } }, subject)
    const organization = claimed ?? defaultOrganization ?? found[0]?.id
    if (organization === undefined) throw unauthenticated()
    const { token } = await startSession({ subject, organization })
    return { token, returnTo, mustChoose: claimed === null && defaultOrganization === null && found.length > 1 }
  }, ports.rateLimits)

  const reading =
    (handle: Route): Route =>
    async (request, response) => {
      if (request.method !== 'GET') return void response.writeHead(405, { ...policy, allow: 'GET' }).end()
      // Without PUBLIC_URL it has the Host of the request, which can be any text.
      if (!URL.canParse(ownOf(request))) return show(response, 400, '', 'The header Host names no host.', [])
      try {
        await handle(request, response)
      } catch (error) {
        const { message, extensions } = mask(error)
        const status = statusOf(extensions['code'])
        const text = status === 401 ? 'The sign-in was not accepted, or you are no member of an organization here.' : message
        show(response, status, '', `${escaped(text)} <a href="/portal/">Back to the portal</a>`, [cookies.setPending(null)])
      }
    }

  return {
    [signInPath]: reading(async (request, response) => {
      const own = ownOf(request)
      const returnTo = ownPath(new URL(request.url ?? '', own).searchParams.get('returnTo'))
      const { url, pending } = await provider.begin(`${own}${callbackPath}`, returnTo)
      response.writeHead(302, { ...policy, location: url, 'set-cookie': cookies.setPending(pending) }).end()
    }),
    [callbackPath]: reading(async (request, response) => {
      const pending = cookies.readPending(request)
      if (!pending) throw unauthenticated()
      const { token, returnTo, mustChoose } = await finish({ cameTo: new URL(request.url ?? '', ownOf(request)), pending })
      const path = mustChoose ? '/portal/?choose=organization' : ownPath(returnTo)
      // A redirect would still count as the provider's navigation, and the browser would keep the strict cookie back.
      show(response, 200, `<meta http-equiv="refresh" content="0;url=${escaped(path)}">`, 'You are signed in.', [cookies.set(token), cookies.setPending(null)])
    }),
  }
}

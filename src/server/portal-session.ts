import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FindSession } from '../authentication/sessions.ts'
import { AuraError, badInput, notFound, unauthenticated } from '../errors.ts'
import { isId } from '../ids.ts'
import type { Ports } from '../ports.ts'
import type { Session, SignedIn } from '../sessions/model.ts'
import { answerJson, readBody } from './body.ts'
import type { Cookies } from './cookies.ts'
import { statusOf } from './error-status.ts'
import { limitFailures } from './request.ts'
import type { Route } from './route.ts'

/** A code, or the id of an organization. */
const maxBodyBytes = 4_096

type SessionPorts = Pick<Ports, 'sessions' | 'organizations' | 'members' | 'clock' | 'rateLimits'>

/** The use cases of sessions. */
export interface SessionUses {
  redeemCode(input: { code: string }): Promise<{ token: string }>
  switchOrganization(actor: SignedIn, input: { organization: string }): Promise<{ token: string }>
  endSession(actor: SignedIn): Promise<void>
  endAllSessions(actor: SignedIn): Promise<void>
}

interface Options {
  readonly ports: SessionPorts
  readonly uses: SessionUses
  readonly cookies: Cookies
  readonly findSession: FindSession
  /** Makes an error safe to send. */
  readonly mask: (error: unknown) => { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }
  /** Where a sign-in begins at the identity provider; null without one. */
  readonly signIn: string | null
}

type Answer = (status: number, body: object, headers?: Readonly<Record<string, string>>) => void

/** Who is signed in: what a page shows of the member, and where else the person is a member. */
async function profile(ports: SessionPorts, memberId: string, subject: string): Promise<object> {
  const found = await ports.sessions.member(memberId)
  if (!found) throw unauthenticated()
  const { organization, ...member } = found
  const organizations = await ports.organizations.ofSubject({ select: { id: true, slug: true, name: true } }, subject)
  return { member, organization, organizations }
}

/** The one member of a small JSON body with this name. */
async function textOf(request: IncomingMessage, name: string): Promise<string> {
  if (!/^application\/json(\s*;\s*charset="?utf-8"?)?\s*$/i.test(request.headers['content-type'] ?? '')) throw badInput(name, 'must come as JSON')
  // Before any of it is read: the connection of a body that is cut off would carry no answer.
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw badInput(name, `must come in at most ${maxBodyBytes} bytes`)
  const read = await readBody(request, maxBodyBytes)
  if ('error' in read) throw badInput(name, read.error)
  let body: unknown
  try {
    body = JSON.parse(read.text)
  } catch {
    throw badInput(name, 'must come as JSON')
  }
  const value = (body as Readonly<Record<string, unknown>> | null)?.[name]
  if (typeof value !== 'string') throw badInput(name, 'must be a text')
  return value
}

/** Looks the session of a request up; unknown ones count as failed credentials of the address. */
function finder({ ports, cookies, findSession }: Options): (request: IncomingMessage) => Promise<Session | null> {
  const require = limitFailures(async ({ token }: { token: string }) => {
    const session = await findSession(token)
    if (!session) throw unauthenticated()
    return session
  }, ports.rateLimits)
  return async (request) => {
    const token = cookies.read(request)
    return token === undefined ? null : require({ token })
  }
}

/** A cookie that is worth nothing is nobody's. It is not taken back: the browser may get a new one from another answer at the same moment. */
function asNobody(error: unknown): null {
  if (error instanceof AuraError && error.extensions.code === 'UNAUTHENTICATED') return null
  throw error
}

/** Whether the query of the address says `name=true`. */
const isSaid = ({ url = '' }: IncomingMessage, name: string): boolean => new URL(url, 'http://localhost').searchParams.get(name) === 'true'

/**
 * Whether a POST asks who is signed in, as a GET does. On plain http, other than on this machine, browsers say nothing of the page that sends a GET,
 * so that its cookie cannot count; with a POST they name its Origin everywhere.
 */
const isRead = (request: IncomingMessage): boolean => request.method === 'POST' && isSaid(request, 'read')

/** The route of the session: who is signed in, sign in with a code, change the organization, sign out. */
function sessionRoute(options: Options): (request: IncomingMessage, answer: Answer) => Promise<void> {
  const { ports, uses, cookies, signIn } = options
  const sessionOf = finder(options)
  const redeem = limitFailures(uses.redeemCode, ports.rateLimits)

  async function show(request: IncomingMessage, answer: Answer): Promise<void> {
    const session = await sessionOf(request).catch(asNobody)
    if (session) answer(200, await profile(ports, session.memberId, session.subject))
    else answer(401, { error: { code: 'UNAUTHENTICATED', message: 'Nobody is signed in.' }, ...(signIn === null ? {} : { signIn }) })
  }

  async function begin(request: IncomingMessage, answer: Answer): Promise<void> {
    const { token } = await redeem({ code: await textOf(request, 'code') })
    const before = await sessionOf(request).catch(() => null)
    if (before) await uses.endSession(before)
    await answerSession(token, answer)
  }

  async function change(request: IncomingMessage, answer: Answer): Promise<void> {
    const organization = await textOf(request, 'organizationId')
    const session = await sessionOf(request)
    if (!session) throw unauthenticated()
    const isTheirs = isId(organization, 'org') && (await ports.members.bySubject(session.subject, organization)).length > 0
    if (!isTheirs) throw notFound()
    await answerSession((await uses.switchOrganization(session, { organization })).token, answer)
  }

  async function answerSession(token: string, answer: Answer): Promise<void> {
    const session = await options.findSession(token)
    if (!session) throw unauthenticated()
    answer(200, await profile(ports, session.memberId, session.subject), { 'set-cookie': cookies.set(token) })
  }

  async function end(request: IncomingMessage, answer: Answer): Promise<void> {
    const session = await sessionOf(request).catch(asNobody)
    if (session) await (isSaid(request, 'everywhere') ? uses.endAllSessions(session) : uses.endSession(session))
    answer(200, {}, { 'set-cookie': cookies.set(null) })
  }

  const methods: Readonly<Record<string, typeof show>> = { GET: show, HEAD: show, POST: begin, PATCH: change, DELETE: end }
  return async (request, answer) => {
    const method = isRead(request) ? show : methods[request.method ?? '']
    if (!method) return answer(405, { error: { code: 'BAD_USER_INPUT', message: 'Use GET, POST, PATCH or DELETE.' } }, { allow: 'GET, POST, PATCH, DELETE' })
    // A foreign page could sign its visitor in as somebody else, whose secrets the visitor would then save.
    if (method !== show && !cookies.isOwn(request)) {
      return answer(403, { error: { code: 'FORBIDDEN', message: 'Only a page of this server may do this: see PUBLIC_URL.' } })
    }
    await method(request, answer)
  }
}

/** The routes under /portal that answer JSON. */
export function portalSessionRoutes(options: Options): Readonly<Record<string, Route>> {
  const { ports, mask } = options
  const sessionOf = finder(options)

  /** Turns what is thrown into an answer. */
  const answering =
    (handle: (request: IncomingMessage, answer: Answer) => Promise<void>): Route =>
    async (request: IncomingMessage, response: ServerResponse) => {
      const answer: Answer = (status, body, headers = {}) => answerJson(response, status, body, headers)
      try {
        await handle(request, answer)
      } catch (error) {
        const { message, extensions } = mask(error)
        const { http, ...shown } = extensions as { http?: { headers?: Readonly<Record<string, string>> }; code?: string }
        const status = shown.code === 'NOT_FOUND' ? 404 : statusOf(shown.code)
        answer(status, { error: { ...shown, message } }, { ...http?.headers })
      }
    }

  return {
    '/portal/session': answering(sessionRoute(options)),
    '/portal/sessions': answering(async (request, answer) => {
      if (request.method !== 'GET' && !isRead(request)) return answer(405, { error: { code: 'BAD_USER_INPUT', message: 'Use GET.' } }, { allow: 'GET' })
      const session = await sessionOf(request)
      if (!session) throw unauthenticated()
      const rows = await ports.sessions.ofSubject(session.subject, ports.clock.now())
      answer(200, { sessions: rows.map(({ member, ...row }) => ({ ...row, organization: member.organization, isThis: row.id === session.id })) })
    }),
  }
}

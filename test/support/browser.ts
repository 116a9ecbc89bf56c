import { accessSync, constants, mkdirSync } from 'node:fs'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { TestServer } from './server.ts'
import { codeFor } from './session.ts'

/** Somebody at a browser of their own: nothing is shared with other visitors. */
export interface Visitor {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page sent: addresses and bodies of requests, and messages of sockets. */
  readonly sent: string[]
  /** What the server answered to it, by the same ways. Complete once `settled` resolves. */
  readonly received: string[]
  /** What the page wrote into the console. */
  readonly console: string[]
  /** Violations of the Content-Security-Policy and errors that nothing caught: each test fails for any of them. */
  readonly problems: string[]
}

export interface VisitOptions extends BrowserContextOptions {
  /** Below `/portal`. */
  readonly path?: string
  readonly organization?: string
  /** An address that leads to the server by another way than its own. */
  readonly url?: string
  /** What the page takes for the time. It stands still. */
  readonly now?: Date
}

/** Machines under load need longer than the browser's own patience. */
const patience = 20_000

/** Chromium without a window of its own, which is half of the cost of a page. */
const binary = '/usr/bin/chromium-headless-shell'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Chromium for the tests of the calling file. Whoever visits leaves after each test, and no page may have broken its policy or thrown. */
export function browserOfFile(...more: readonly string[]): {
  /** Signs a member in with a one-time link, and opens the portal; `null` opens it without. */
  visit(server: TestServer, subject: string | null, options?: VisitOptions): Promise<Visitor>
} {
  let browser: Browser
  let visitors: Visitor[] = []
  beforeAll(async () => {
    accessSync(binary, constants.X_OK)
    browser = await chromium.launch({ executablePath: binary, args: [...flags, ...more], timeout: 60_000 })
  })
  afterAll(() => browser.close())
  afterEach(async () => {
    const left = visitors
    visitors = []
    const problems = left.flatMap((visitor) => visitor.problems)
    await Promise.all(left.map(({ context }) => context.close()))
    expect(problems).toEqual([])
  })
  return {
    async visit(server, subject, { path = '/', organization, url = server.url, now, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', ...options })
      context.setDefaultTimeout(patience)
      if (now) await context.clock.setFixedTime(now)
      const page = await context.newPage()
      const visitor: Visitor = { page, context, sent: [], received: [], console: [], problems: [] }
      visitors.push(visitor)
      await watch(visitor)
      const fragment = subject === null ? '' : `#code=${codeFor(server, subject, organization ?? (/B$/.test(subject) ? 'b' : 'a'))}`
      await page.goto(`${url}/portal${path}${fragment}`)
      if (subject !== null) await page.getByRole('navigation').first().waitFor()
      return visitor
    },
  }
}

async function watch({ page, context, sent, received, console: lines, problems }: Visitor): Promise<void> {
  await context.exposeFunction('reportViolation', (what: string) => void problems.push(what))
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    reportViolation('policy: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile + ':' + event.lineNumber))`)
  page.on('console', (message) => void lines.push(message.text()))
  page.on('pageerror', (error) => void problems.push(`error: ${error.stack || String(error)}`))
  page.on('request', (request) => void sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ''}`))
  page.on('response', (response) => {
    response.text().then(
      (text) => void received.push(`${response.status()} ${response.url()} ${text}`),
      () => undefined, // A redirect or a page that was left has no body.
    )
  })
  page.on('websocket', (socket) => {
    sent.push(`WEBSOCKET ${socket.url()}`)
    socket.on('framesent', ({ payload }) => void sent.push(String(payload)))
    socket.on('framereceived', ({ payload }) => void received.push(String(payload)))
  })
}

/** Takes a picture of the window, which nothing reads but people: nobody looks in CI, where it is a tenth of the time of a view. */
export async function picture({ page }: Visitor, name: string): Promise<void> {
  if (process.env['CI']) return
  const folder = new URL('../pictures/', import.meta.url).pathname
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png` })
}

import { type ChildProcess, fork } from 'node:child_process'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KeyCountsDocument } from '../generated/operations.ts'
import { heaviest } from '../support/heaviest.ts'
import { type NoisyServer, startNoisyServer } from './noise/noisy-server.ts'
import { machine, publish, quantile, table } from './report.ts'

const seconds = Number(process.env['NOISE_SECONDS'] ?? 8)
const only = process.env['NOISE_ONLY']
const store = process.env['TEST_STORE']
const zero = '0'.repeat(26)
const place = { I1: `ins_${zero}`, appId: `app_${zero}` }
/** Each client of a loop is a member of their own, so that the places of one member do not slow them down. */
const subjects = { OWNER: ['member-0'], MEMBER: Array.from({ length: 8 }, (_, index) => `member-${index + 2}`) }

let noisy: NoisyServer
beforeAll(async () => {
  noisy = await startNoisyServer()
}, 120_000)
afterAll(() => noisy.close())

interface Noise {
  readonly name: string
  readonly how: Record<string, unknown>
}

async function noises(): Promise<Noise[]> {
  const authorize = (list: readonly string[]): Promise<string[]> => Promise.all(list.map((subject) => noisy.authorization(subject)))
  const byRole = { OWNER: await authorize(subjects.OWNER), MEMBER: await authorize(subjects.MEMBER) }
  const large = heaviest.find(({ name }) => name === 'whole rows')
  const here = { url: noisy.node.url, instanceId: place.I1 }
  return [
    { name: 'made-up keys, 64 clients', how: { kind: 'junkKeys', ...here } },
    { name: 'documents of nobody, 32 clients', how: { kind: 'documents', ...here } },
    ...heaviest.map(({ name, role, query, variables }) => ({
      name: `${name}, 8 clients as ${role}`,
      how: { kind: 'operation', ...here, authorizations: byRole[role], query, variables: variables(place) },
    })),
    {
      name: '1,000 sockets that come back, again and again',
      how: { kind: 'reconnects', ...here, authorizations: byRole.MEMBER, query: KeyCountsDocument.toString(), variables: { instanceId: place.I1 } },
    },
    { name: '20 slow readers of large answers', how: { kind: 'slowReaders', ...here, authorizations: byRole.MEMBER, query: large?.query, variables: {} } },
    { name: 'keys created by 8 clients', how: { kind: 'creates', ...here, authorizations: byRole.OWNER } },
  ].filter(({ name }) => only === undefined || name.includes(only))
}

/** As a gateway has: connections that stay, and a bound. */
const agent = new Agent({ keepAlive: true, maxSockets: 32 })
const right = 'right'
/** How long until the answer is there, in ms; the answer must be 200. */
function ask(url: string, body?: string): Promise<{ ms: number; outcome: string }> {
  const started = performance.now()
  return new Promise((resolve) => {
    const end = (outcome: string) => resolve({ ms: performance.now() - started, outcome })
    const sent = request(url, { agent, method: body === undefined ? 'GET' : 'POST' }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      response.on('end', () => end(response.statusCode === 200 && (body === undefined || text.includes('"valid":true')) ? right : `${response.statusCode}`))
    })
    sent.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message))
    sent.end(body)
  })
}

interface Heard {
  readonly verify: number[]
  readonly apart: number[]
  readonly health: number[]
  /** What came in place of the right answer. */
  readonly wrong: string[]
  holdMs: number
}

/** Asks at a fixed pace, whatever the answers take: a hundred verifications and twenty looks at the health in a second. */
async function listen(): Promise<Heard> {
  const heard: Heard = { verify: [], apart: [], health: [], wrong: [], holdMs: 0 }
  const asked: Promise<void>[] = []
  const note = async (list: number[], asking: ReturnType<typeof ask>): Promise<void> => {
    const { ms, outcome } = await asking
    list.push(ms)
    if (outcome !== right) heard.wrong.push(outcome)
  }
  const body = JSON.stringify(noisy.quiet)
  await noisy.node.holdMs()
  const end = performance.now() + seconds * 1_000
  for (let turn = 0; performance.now() < end; turn++) {
    asked.push(note(heard.verify, ask(`${noisy.node.url}/v1/verify`, body)))
    if (noisy.apart) asked.push(note(heard.apart, ask(`${noisy.apart.url}/v1/verify`, body)))
    if (turn % 5 === 0) asked.push(note(heard.health, ask(`${noisy.node.url}/healthz`)))
    await pause(10)
  }
  await Promise.all(asked)
  heard.holdMs = await noisy.node.holdMs()
  return heard
}

interface Made {
  done: number
  outcomes: Record<string, number>
}

async function beside(how: object): Promise<{ heard: Heard; made: Made }> {
  const child: ChildProcess = fork(new URL('noise/noises.mjs', import.meta.url), { execArgv: [] })
  child.send(how)
  await pause(1_500)
  const heard = await listen()
  const made = new Promise<Made>((resolve) => child.once('message', (message) => resolve(message as Made)))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.send('stop')
  const answer = await made
  await ended
  return { heard, made: answer }
}

const ms = (value: number): string => (Number.isNaN(value) ? '–' : value >= 10 ? value.toFixed(0) : value.toFixed(1))
const both = (values: readonly number[]): string => `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 0.99))}`

test('what others notice of noise', async () => {
  const rows: string[][] = []
  await Promise.all(Array.from({ length: 64 }, () => ask(`${noisy.node.url}/healthz`)))
  await listen()
  const quiet = await listen()
  const baseline = await noisy.node.usedMb()
  const row = (name: string, heard: Heard, usedMb: number, did: string): void => {
    const more = quantile(heard.verify, 0.99) - quantile(quiet.verify, 0.99)
    const cells = [
      name,
      both(heard.verify),
      heard === quiet ? '' : `+ ${ms(Math.max(0, more))}`,
      noisy.apart ? both(heard.apart) : '–',
      both(heard.health),
      ms(heard.holdMs),
      usedMb.toFixed(0),
      heard.wrong.length === 0 ? '0' : `${heard.wrong.length} (${[...new Set(heard.wrong)]})`,
      did,
    ]
    rows.push(cells)
    console.log(cells.join(' | '))
  }
  row('nothing', quiet, baseline, '')
  for (const { name, how } of await noises()) {
    const { heard, made } = await beside(how)
    await pause(2_000)
    const did = Object.entries(made.outcomes)
      .map(([outcome, count]) => `${count.toLocaleString('en')} ${outcome}`)
      .join(', ')
    row(name, heard, await noisy.node.usedMb(), did)
    expect(made.done).toBeGreaterThan(0)
  }
  const head = [
    'beside',
    'verify, p50 / p99',
    'p99 more',
    'apart, p50 / p99',
    '/healthz, p50 / p99',
    'longest hold',
    'MB after',
    'wrong answers',
    'what was done',
  ]
  const page = `${machine()}; ${seconds} s each; times in ms.\n\n${table(head, rows)}`
  console.log(page)
  if (only === undefined) publish(`noise ${store}`, page)
}, 1_200_000)

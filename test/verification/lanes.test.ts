import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { KeyRecord } from '../../src/keys/model.ts'
import { createMetrics } from '../../src/server/metrics.ts'
import type { Departures } from '../../src/verification/lane.ts'
import { createLookups, type LaneName, type Lookups } from '../../src/verification/lookups.ts'
import { createHands } from '../../src/verification/marks.ts'

/** A statement on its way; the test says what comes of it. Its number stands in the name of each row. */
interface Sent {
  readonly ids: readonly string[]
  answer(): void
  fail(error: Error): void
}

let sent: Sent[]
let logged: string[]
let lookups: Lookups
/** In which lane a text is asked for, where it is not that of all others. */
let lanes: Map<string, LaneName>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  sent = []
  logged = []
  const write = (_: object, message: string): void => void logged.push(message)
  lanes = new Map()
  const answered = <Row>(ids: readonly string[], row: (id: string, name: string) => Row) =>
    new Promise<Row[]>((resolve, reject) => {
      const name = String(sent.length)
      sent.push({ ids: [...ids], answer: () => resolve(ids.map((id) => row(id, name))), fail: reject })
    })
  const readAt = new Date(0)
  const store = {
    records: (ids: readonly string[]) => answered(ids, (id, name) => ({ id, name, readAt, organizationId: 'org' }) as KeyRecord),
    marks: (ids: readonly string[]) => answered(ids, (organizationId, mark) => ({ organizationId, mark, readAt })),
  }
  const ground = { store, hands: createHands(), moment: () => ({ mono: performance.now(), wall: 0 }), ownMark: null }
  lookups = createLookups(ground, { log: { info: write, warn: write, error: write }, metrics: createMetrics({ now: () => new Date() }).port }, 2_000)
})
afterEach(() => void vi.useRealTimers())

/** What became of each request: the number of the statement that it was answered from, or why it was not decided; null while it waits. */
function ask(text: string, id = text, departures: Departures = new Set()): { came: string | null } {
  const request: { came: string | null } = { came: null }
  const lane = lanes.get(text) ?? 'unknown'
  const number = async (): Promise<string | undefined> =>
    lane === 'marks' ? (await lookups.marks.record(id, departures))?.mark : (await lookups[lane].record(id, departures))?.record.name
  number().then(
    (statement) => {
      request.came = statement ?? 'no row'
    },
    (error: Error) => {
      request.came = error.message
    },
  )
  return request
}

/** Lets everything happen that waits for nothing else. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
}
const pass = async (ms: number): Promise<void> => {
  await settle()
  await vi.advanceTimersByTimeAsync(ms)
  await settle()
}
const answerAll = async (): Promise<void> => {
  for (let at = 0; at < sent.length; at++) {
    sent[at]?.answer()
    await settle()
  }
}
const idsOf = (statements: readonly Sent[]): string[] => statements.map(({ ids }) => ids.join())

test('a known key waits for no statement but that of its own lane, however many others wait', async () => {
  lanes.set('K', 'known')
  const junk = [ask('junk')]
  await settle()
  for (let index = 0; index < 1_900; index++) junk.push(ask(`junk ${index}`))
  const first = ask('K')
  await settle()
  const second = ask('K')
  await settle()
  expect(idsOf(sent)).toEqual(['junk', 'K'])
  sent[1]?.answer()
  await settle()
  sent[2]?.answer()
  await settle()
  expect([first.came, second.came, idsOf(sent)]).toEqual(['1', '2', ['junk', 'K', 'K']])
  expect(junk.every(({ came }) => came === null)).toBe(true)
})

for (const lane of ['marks', 'known', 'unknown'] as const) {
  const open = (text: string): void => {
    lanes.set(text, lane)
  }

  test(`in the ${lane} lane nobody rides on a statement that was sent before they came, not even for the same key`, async () => {
    for (const text of ['A', 'B']) open(text)
    const first = ask('A')
    await settle()
    const [same, other] = [ask('A'), ask('B')]
    await settle()
    expect(idsOf(sent)).toEqual(['A'])
    sent[0]?.answer()
    await settle()
    expect([first.came, same.came, other.came, idsOf(sent)]).toEqual(['0', null, null, ['A', 'A,B']])
    sent[1]?.answer()
    await settle()
    expect([same.came, other.came, sent.length]).toEqual(['1', '1', 2])
  })

  test(`in the ${lane} lane a statement asks for at most 500 keys, each once, in the order in which they came`, async () => {
    const texts = Array.from({ length: 1_201 }, (_, index) => `K${index}`)
    for (const text of texts) open(text)
    const requests = [...texts, ...texts.slice(0, 500)].map((text) => ask(text))
    await settle()
    await answerAll()
    expect(idsOf(sent)).toEqual([texts.slice(0, 500), texts.slice(500, 1_000), texts.slice(1_000)].map(String))
    expect(['0', '1', '2'].map((statement) => requests.filter(({ came }) => came === statement).length)).toEqual([1_000, 500, 201])
  })

  const places = lane === 'unknown' ? 2_000 : 10_000
  test(`in the ${lane} lane at most ${places} requests wait; the others are refused at once, whatever keys they are for`, async () => {
    for (const text of ['A', 'B']) open(text)
    const under = ask('A')
    await settle()
    const waiting = Array.from({ length: places }, () => ask('B'))
    const [more, same] = [ask('A'), ask('B')]
    await settle()
    expect([more.came, same.came, lookups.waiting()[lane], sent.length]).toEqual(['busy', 'busy', places, 1])
    await answerAll()
    expect([under.came, new Set(waiting.map(({ came }) => came)), lookups.waiting()[lane]]).toEqual(['0', new Set(['1']), 0])
  })

  test(`in the ${lane} lane whoever is gone gives up the place and is not asked for, and others for the same key stay`, async () => {
    for (const text of ['A', 'B', 'C']) open(text)
    const departures: Departures = new Set()
    const under = ask('A', 'A', departures)
    await settle()
    const gone = Array.from({ length: places }, (_, index) => ask(index % 2 ? 'B' : 'C', index % 2 ? 'B' : 'C', departures))
    for (const leave of departures) leave()
    expect([departures.size, lookups.waiting()[lane]]).toEqual([0, 0])
    const stays = ask('C')
    await answerAll()
    expect([idsOf(sent), new Set(gone.map(({ came }) => came)), under.came, stays.came]).toEqual([['A', 'C'], new Set(['gone']), '0', '1'])
  })

  test(`in the ${lane} lane a statement that fails is told to those who rode on it, and to no others`, async () => {
    for (const text of ['A', 'B']) open(text)
    const first = ask('A')
    await settle()
    const next = ask('B')
    sent[0]?.fail(new Error('a text that may hold values'))
    await settle()
    expect([first.came, next.came, idsOf(sent)]).toEqual(['failed', null, ['A', 'B']])
    sent[1]?.answer()
    await settle()
    expect([next.came, JSON.stringify(logged)]).toEqual(['1', expect.not.stringContaining('values')])
  })

  test(`in the ${lane} lane a statement that is silent for 2 s is given up; the lane goes on, and a late answer changes nothing`, async () => {
    for (const text of ['A', 'B']) open(text)
    const first = ask('A')
    await settle()
    const next = ask('B')
    await vi.advanceTimersByTimeAsync(1_999)
    expect([first.came, sent.length]).toEqual([null, 1])
    await vi.advanceTimersByTimeAsync(1)
    await settle()
    expect([first.came, next.came, idsOf(sent)]).toEqual(['silent', null, ['A', 'B']])
    sent[0]?.answer()
    await settle()
    expect(next.came).toBe(null)
    sent[1]?.answer()
    await settle()
    expect([next.came, vi.getTimerCount()]).toEqual(['1', 0])
  })

  test(`in the ${lane} lane nobody waits for a statement longer than 4 s, and at most 8 statements heap up in front of a silent database`, async () => {
    const texts = Array.from({ length: 1_600 }, (_, index) => `K${index}`)
    for (const text of texts) open(text)
    const requests = texts.map((text) => ask(text))
    for (let turn = 0; turn < 3; turn++) await pass(2_000)
    // 500 rode on each of three statements: then it was too late.
    expect([sent.length, requests.filter(({ came }) => came === 'silent').length, requests.filter(({ came }) => came === 'busy').length]).toEqual([
      3, 1_500, 100,
    ])
    for (let turn = 0; turn < 20; turn++) {
      ask('K1')
      await pass(2_000)
    }
    const refused = ask('K1')
    await settle()
    expect([sent.length, refused.came, lookups.waiting()[lane]]).toEqual([8, 'silent', 0])
    sent[3]?.fail(new Error('at last'))
    await settle()
    const served = ask('K1')
    await settle()
    sent[8]?.answer()
    await settle()
    expect([served.came, logged.length]).toEqual(['8', 1])
  })
}

test('an answer that is there when a busy process comes to look at the time is taken, however late', async () => {
  const request = ask('A')
  await settle()
  vi.advanceTimersByTime(60_000)
  sent[0]?.answer()
  await settle()
  expect(request.came).toBe('0')
})

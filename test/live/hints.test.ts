import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createChange } from '../../src/change/change.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription, KeyCountsDocument, type KeyCountsSubscription } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Line, lines } from '../support/line.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { requestStatements } from '../support/server.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const flood = 10_000
/** The time between two looks. */
const spacingMs = 50

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
let open: (Line<ApiKeyChangedSubscription> | Line<KeyCountsSubscription>)[] = []

beforeAll(async () => {
  if (onPostgres) await vi.waitFor(() => expect(server.isListening()).toBe(true), { timeout: 20_000 })
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const line of open) line.leave()
  open = []
  await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 10_000 })
})

const ofA = (): string => company.members.ownA.organizationId
const version = (): Promise<bigint> => server.app.ports.organizations.version(ofA())

/** Feeds, counts and whatever else looks, on either transport, for several groups that share nothing. */
async function follow(): Promise<{ feeds: Line<ApiKeyChangedSubscription>[]; counts: Line<KeyCountsSubscription>[] }> {
  const after = Number(await version())
  const feeds: Line<ApiKeyChangedSubscription>[] = []
  const counts: Line<KeyCountsSubscription>[] = []
  for (const person of ['ownA', 'auraA', 'devA'] as const) {
    const authorization = `Bearer ${await server.token(person, 'a')}`
    for (const line of Object.values(lines)) {
      feeds.push(line(server, ApiKeyChangedDocument.toString(), { instanceId: company.I1, after }, authorization))
      counts.push(line(server, KeyCountsDocument.toString(), { instanceId: company.I1 }, authorization))
    }
  }
  open = [...feeds, ...counts]
  await vi.waitFor(() => expect([server.app.ports.hub.size, counts.every(({ answers }) => answers.length > 0)]).toEqual([12, true]), { timeout: 20_000 })
  await quiet()
  return { feeds, counts }
}

const looks = (): string[] => requestStatements(server).filter((sql) => /newest\.occurred_at/.test(sql))
/** Waits until nothing is looked for any more. */
async function quiet(): Promise<void> {
  for (let before = -1, rounds = 0; before !== looks().length || rounds < 3; rounds++) {
    before = looks().length
    await new Promise((resolve) => setTimeout(resolve, spacingMs))
  }
}

/** Says so many times that the version is one of these, as fast as hints are taken; on PostgreSQL through its channel, as anybody may. */
async function say(versions: (index: number) => bigint, times = flood): Promise<void> {
  const batch = 100
  for (let from = 0; from < times; from += batch) {
    const hints = Array.from({ length: Math.min(batch, times - from) }, (_, index) => `${ofA()}:${versions(from + index)}`)
    if (onPostgres) await server.sql('SELECT count(pg_notify($1, hint))::int FROM unnest($2::text[]) AS hint', 'aura_keys', hints)
    else
      for (const hint of hints) {
        server.app.ports.hub.hinted(ofA(), BigInt(hint.split(':')[1] ?? ''))
        await nextTurn()
      }
  }
}

/** The poll says nothing: what arrives was hinted. */
const muteThePoll = () => vi.spyOn(server.app.ports.hub, 'polled').mockImplementation(() => undefined)

/** A change of another node, which says so to this one if `hint` does. */
async function changeElsewhere(hint: (version: bigint) => void): Promise<string> {
  const { ports, database } = server.app
  const elsewhere = { ...ports, change: createChange(database, ports.clock, { changed: (_, now) => hint(now), denied: () => undefined }) }
  return (await createApiKey(elsewhere, company.members.ownA, { instanceId: company.I1, name: 'elsewhere', expiresInDays: 1 })).keyId
}

const idsOf = (feed: Line<ApiKeyChangedSubscription>): string[] => feed.answers.flatMap(({ data }) => data?.apiKeyChanged.apiKey.id ?? [])
const arrived = (feeds: readonly Line<ApiKeyChangedSubscription>[], ids: readonly string[]) =>
  vi.waitFor(() => expect(feeds.map(idsOf)).toEqual(feeds.map(() => ids)), { timeout: 10_000 })

const seed = newSeed()
const random = seededRandom(seed)
const kinds: Readonly<Record<string, (now: bigint) => (index: number) => bigint>> = {
  'always the same version, far away': () => () => 10n ** 17n,
  'rising versions, far away': () => (index) => 10n ** 17n + BigInt(index),
  'falling versions, far away': () => (index) => 10n ** 17n - BigInt(index),
  'always the next version': (now) => () => now + 1n,
  'the next ten thousand versions': (now) => (index) => now + 1n + BigInt(index),
  'near and far ones mixed': (now) => () => now + 1n + BigInt(Math.floor(random() * (random() < 0.5 ? 10 : 1e15))),
}
for (const [kind, versions] of Object.entries(kinds)) {
  test(`EV-06 ten thousand hints that nothing stands behind cost at most a look each 50 ms: ${kind} (seed ${seed})`, async () => {
    await follow()
    server.statements.length = 0
    const began = performance.now()
    await say(versions(await version()))
    await quiet()
    const most = Math.ceil((performance.now() - began) / spacingMs) + 1
    expect(looks().length).toBeGreaterThan(0)
    expect(looks().length).toBeLessThanOrEqual(most)
    // They looked, found nothing, and read nothing more: what is left is this test asking for the version.
    const others = requestStatements(server).filter((sql) => !looks().includes(sql) && !/pg_notify|"public"\."organization"/.test(sql))
    expect(others).toEqual([])
  })
}

test('EV-06 a version far away that was not found is not looked for again, nor any above it', async () => {
  await follow()
  const { hub } = server.app.ports
  hub.hinted(ofA(), 10n ** 17n)
  await quiet()
  server.statements.length = 0
  await say((index) => 10n ** 17n + BigInt(index % 3))
  await quiet()
  expect(looks()).toEqual([])
})

test('EV-06 among false hints every real one arrives, with no help of the poll, also one that was false a moment before', async () => {
  const { feeds, counts } = await follow()
  muteThePoll()
  const { hub } = server.app.ports
  const before = counts[0]?.answers.at(-1)?.data?.keyCounts.active ?? Number.NaN
  const ids: string[] = []
  for (const versions of Object.values(kinds)) {
    // The very version that comes next is hinted, looked for and not found.
    hub.hinted(ofA(), (await version()) + 1n)
    await quiet()
    const lying = say(versions(await version()), 1_000)
    ids.push(await changeElsewhere((now) => hub.hinted(ofA(), now)))
    await arrived(feeds, ids)
    await lying
  }
  await vi.waitFor(() => expect(counts.map(({ answers }) => answers.at(-1)?.data?.keyCounts.active)).toEqual(counts.map(() => before + ids.length)), {
    timeout: 10_000,
  })
})

test('EV-07 what moved by more than anybody believes, as after a restore, is hinted or else polled', async () => {
  const { feeds } = await follow()
  const { hub } = server.app.ports
  await server.sql('UPDATE organization SET version = version + 1000000 WHERE id = $1', ofA())
  // Hinted and found, with the poll mute.
  const poll = muteThePoll()
  const first = await changeElsewhere((now) => hub.hinted(ofA(), now))
  await arrived(feeds, [first])
  // Refuted before it came to be: the poll brings it.
  hub.hinted(ofA(), (await version()) + 20_000n)
  await quiet()
  await server.sql('UPDATE organization SET version = version + 1000000 WHERE id = $1', ofA())
  const second = await changeElsewhere((now) => hub.hinted(ofA(), now))
  poll.mockRestore()
  await arrived(feeds, [first, second])
})

import { expect, test } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { companyOfFile } from '../support/file-server.ts'
import { cookieOf, openWith, ownPage, portal, signIn } from '../support/session.ts'

const { server, company } = await companyOfFile()
const second = await server.node()

const isIn = async (cookie: string): Promise<boolean> => (await portal(server, 'GET', 'session', { cookie })).status === 200
const later = (ms: number): void => {
  server.time.now = new Date(server.time.now.getTime() + ms)
}
const [minute, hour] = [60_000, 3_600_000]
const open = async (cookie: string, at = server) => {
  const opened = await openWith(at, { origin: at.url, cookie })
  expect(opened.outcome).toBe('connection_ack')
  return opened
}

test('SE-07 a session ends after eight hours without a use, and after seven days with any', async () => {
  const [idle, used] = [await signIn(server, 'devA'), await signIn(server, 'devA')]
  for (let hours = 0; hours < 12; hours += 6) {
    later(6 * hour)
    expect(await isIn(used)).toBe(true)
  }
  expect(await isIn(idle)).toBe(false)
  for (let hours = 12; hours < 7 * 24 - 6; hours += 6) {
    later(6 * hour)
    expect(await isIn(used)).toBe(true)
  }
  later(6 * hour)
  expect(await isIn(used)).toBe(false)
  await server.app.tidy()
  expect(await server.sql('SELECT 1 FROM session')).toEqual([])
})

test('SE-07 a use is written at most once a minute', async () => {
  const cookie = await signIn(server, 'devA')
  const usedAt = async () => (await server.sql<{ at: string }>('SELECT used_at::text AS at FROM session ORDER BY used_at DESC LIMIT 1'))[0]?.at
  const before = await usedAt()
  later(minute - 1)
  await isIn(cookie)
  expect(await usedAt()).toBe(before)
  later(1)
  await isIn(cookie)
  expect(await usedAt()).not.toBe(before)
})

test('SE-07 an open socket is no use, but what is asked through it is', async () => {
  const [idle, used] = [await signIn(server, 'devA'), await signIn(server, 'devA')]
  const [quiet, busy] = [await open(idle), await open(used)]
  later(7 * hour)
  busy.socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ apps { id } }' } }))
  const now = server.time.now.getTime()
  await expect.poll(async () => (await server.sql<{ at: Date }>('SELECT max(used_at) AS at FROM session'))[0]?.at.getTime(), { timeout: 20_000 }).toBe(now)
  later(hour)
  expect(await quiet.closed).toEqual([4403, 'The session ended'])
  expect([await isIn(idle), busy.socket.readyState]).toEqual([false, 1])
  later(7 * 24 * hour)
  expect((await busy.closed)[0]).toBe(4403)
})

test('SE-07 a socket or stream ends with its session at the latest, however much it is used', async () => {
  const cookie = await signIn(server, 'devA')
  const socket = await open(cookie)
  const stream = await server.post({ query: 'subscription { keyCounts { total } }' }, null, { accept: 'text/event-stream', cookie, ...ownPage(server) })
  expect(stream.status).toBe(200)
  for (let hours = 0; hours < 7 * 24; hours += 7) {
    expect([hours, await isIn(cookie)]).toEqual([hours, true])
    later(7 * hour)
  }
  expect((await socket.closed)[0]).toBe(4403)
  await stream.text()
  expect(await isIn(cookie)).toBe(false)
})

test('SE-08 signing out ends the session and its sockets and streams; other sessions stay', async () => {
  const [one, two] = [await signIn(server, 'devA'), await signIn(server, 'devA')]
  const [first, other] = [await open(one), await open(two)]
  const elsewhere = await open(one, second)
  const stream = await server.post({ query: 'subscription { keyCounts { total } }' }, null, { accept: 'text/event-stream', cookie: one, ...ownPage(server) })
  const response = await portal(server, 'DELETE', 'session', { cookie: one })
  expect([response.status, response.headers.get('set-cookie')]).toEqual([200, expect.stringContaining('Max-Age=0')])
  expect(await first.closed).toEqual([4403, 'The session ended'])
  expect(await elsewhere.closed).toEqual([4403, 'The session ended'])
  await stream.text()
  expect([await isIn(one), await isIn(two), other.socket.readyState]).toEqual([false, true, 1])
  other.socket.terminate()
})

test('SE-09 a person sees their sessions and can end all of them, in every organization', async () => {
  await addMember(server.app.ports, company.members.ownB, { subject: 'dev2A', name: 'dev2A', role: 'MEMBER' })
  const [one, two, stranger] = [await signIn(server, 'dev2A'), await signIn(server, 'dev2A', 'b'), await signIn(server, 'devA')]
  const listed = (await (await portal(server, 'GET', 'sessions', { cookie: one })).json()) as {
    sessions: { isThis: boolean; organization: { slug: string } }[]
  }
  expect(listed.sessions.map(({ isThis, organization }) => [isThis, organization.slug]).sort()).toEqual([
    [false, 'b'],
    [true, 'a'],
  ])
  expect(JSON.stringify(listed)).not.toContain(one.split('=')[1])
  const sockets = [await open(one), await open(two), await open(two, second)]
  const stays = await open(stranger)
  const stream = await second.post({ query: 'subscription { keyCounts { total } }' }, null, { accept: 'text/event-stream', cookie: two, ...ownPage(second) })
  await portal(server, 'DELETE', 'session?everywhere=true', { cookie: one })
  for (const { closed } of sockets) expect(await closed).toEqual([4403, 'The session ended'])
  await stream.text()
  expect([await isIn(one), await isIn(two), await isIn(stranger), stays.socket.readyState]).toEqual([false, false, true, 1])
  stays.socket.terminate()
  expect((await portal(server, 'GET', 'sessions', { cookie: one })).status).toBe(401)
})

test('SE-10 a change of organization gives a new session, and ends the old one', async () => {
  const [cookie, { organizationId }] = [await signIn(server, 'dev2A'), company.members.ownB]
  const started = await server.sql<{ at: string }>('SELECT max(signed_in_at)::text AS at FROM session')
  const sockets = [await open(cookie), await open(cookie, second)]
  later(minute)
  const response = await portal(server, 'PATCH', 'session', { cookie }, { organizationId })
  const changed = cookieOf(response)
  expect([response.status, ((await response.json()) as { organization: { slug: string } }).organization.slug]).toEqual([200, 'b'])
  expect([changed === cookie, await isIn(cookie), await isIn(changed)]).toEqual([false, false, true])
  for (const { closed } of sockets) expect(await closed).toEqual([4403, 'The session ended'])
  // It ends seven days after the sign-in, not after the change.
  expect(await server.sql('SELECT max(signed_in_at)::text AS at FROM session')).toEqual(started)
  const answer = await server.post({ query: '{ viewer { organization { slug } } }' }, null, { cookie: changed, ...ownPage(server), 'x-aura-organization': 'a' })
  expect(await answer.json()).toEqual({ data: { viewer: { organization: { slug: 'b' } } } })
  const alone = await signIn(server, 'devA')
  expect((await portal(server, 'PATCH', 'session', { cookie: alone }, { organizationId })).status).toBe(404)
  expect((await portal(server, 'PATCH', 'session', {}, { organizationId })).status).toBe(401)
  expect(await isIn(alone)).toBe(true)
})

test('SE-11 a session ends at once when its member is removed, sockets included, and does not come back with the person', async () => {
  const cookie = await signIn(server, 'viewA')
  const sockets = [await open(cookie), await open(cookie, second)]
  const streams = await Promise.all(
    [server, second].map((at) =>
      at.post({ query: 'subscription { apiKeyChanged { version } }' }, null, { accept: 'text/event-stream', cookie, ...ownPage(at) }),
    ),
  )
  expect(streams.map(({ status }) => status)).toEqual([200, 200])
  await removeMember(server.app.ports, company.members.ownA, { id: company.members.viewA.memberId, acknowledged: true })
  expect(await isIn(cookie)).toBe(false)
  expect((await server.post({ query: '{ apps { id } }' }, null, { cookie, ...ownPage(server) })).status).toBe(401)
  for (const { closed } of sockets) expect((await closed)[0]).toBe(4403)
  for (const stream of streams) await stream.text()
  await addMember(server.app.ports, company.members.ownA, { subject: 'viewA', name: 'viewA', role: 'OWNER' })
  expect(await isIn(cookie)).toBe(false)
  expect((await server.post({ query: '{ apps { id } }' }, null, { cookie, ...ownPage(server) })).status).toBe(401)
})

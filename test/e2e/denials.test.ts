import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { denialMs, reuseMs } from '../../src/verification/moment.ts'
import type { Propagation } from '../prove/ask.ts'
import { check } from '../prove/check.ts'
import type { Node } from '../prove/cluster.ts'
import { authorizationOf } from '../prove/organizations.ts'
import { type Ground, startGround } from '../prove/prove.ts'
import { type HeldKey, Recorder } from '../prove/recorder.ts'
import { renewAsDocumented, restore, saves } from '../prove/restore.ts'
import { onPostgres } from '../support/processes.ts'

// Three processes, of which one denies and another is asked: the embedded database has one alone, whose tests are in `own-lane.test.ts`.
let ground: Ground
let owner: string
let instanceId: string
let denying: Node
let asked: Node
beforeAll(async () => {
  if (!onPostgres) return
  ground = await startGround()
  owner = await authorizationOf('o0')
  instanceId = await newInstance()
  denying = ground.cluster.node(0)
  asked = ground.cluster.node(1)
}, 120_000)
afterAll(() => ground?.cluster.stop())

let names = 0
const hourMs = 3_600_000

async function newInstance(): Promise<string> {
  const variables = { appId: ground.organizations[0]?.appId, name: `i${names++}` }
  const made = await new Recorder().make<{ instance: { id: string } }>(ground.cluster.node(0), owner, 'instance', variables)
  return made?.instance.id ?? ''
}

async function newKey(recorder: Recorder, lifeMs = 24 * hourMs, instance = instanceId): Promise<HeldKey> {
  const key = await recorder.create(denying, owner, instance, null, lifeMs)
  if (!key) throw new Error('no key')
  return key
}

const revoke = (recorder: Recorder, key: HeldKey): Promise<Propagation | null> => recorder.deny(denying, owner, 'revocation', key.id, [key])

/** Asks so many times a second, until it is ended; answers what was said. */
function askAllTheTime(recorder: Recorder, key: HeldKey, perSecond: number): () => Promise<(string | null)[]> {
  const answers: Promise<string | null>[] = []
  const timer = setInterval(() => void answers.push(recorder.verify(asked, key)), 1_000 / perSecond)
  return () => {
    clearInterval(timer)
    return Promise.all(answers)
  }
}

/** Revokes a key that another node is asked for all the time, while something goes on; checks what was said. */
async function revokeUnderLoad(during: (revoked: () => Promise<Propagation | null>) => Promise<Propagation | null>): Promise<void> {
  const recorder = new Recorder()
  const key = await newKey(recorder)
  const end = askAllTheTime(recorder, key, 200)
  await pause(300)
  const propagation = await during(() => revoke(recorder, key))
  await pause(300)
  const answers = await end()
  expect(propagation?.waitedMs).toBeGreaterThanOrEqual(denialMs)
  // A node that stood still may close connections that were idle for too long.
  expect(new Set(answers.filter((each) => each !== null))).toEqual(new Set(['VALID', 'REVOKED']))
  expect(check(recorder.history)).toEqual([])
}

test('VF-06 a key revoked on one node while another is asked for it 200 times a second is never valid after the answer', async () => {
  if (onPostgres) await revokeUnderLoad((revoked) => revoked())
})

test('VF-06 likewise with the connections cut on which nodes listen to each other', async () => {
  if (!onPostgres) return
  await revokeUnderLoad(async (revoked) => {
    const cut = await ground.cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT pg_notify%'")
    expect(cut.length).toBeGreaterThan(0)
    return revoked()
  })
})

test('a node that is stopped for a second under load holds up no revocation, and accepts nothing that was denied when it goes on', async () => {
  if (!onPostgres) return
  await revokeUnderLoad(async (revoked) => {
    asked.signal('SIGSTOP')
    const second = pause(1_000)
    try {
      // Answered while the other stands still.
      return await revoked()
    } finally {
      await second
      asked.signal('SIGCONT')
    }
  })
})

test('while replies to verification are held for 200 ms, no key is answered from memory, and a denied one is refused', async () => {
  if (!onPostgres) return
  const recorder = new Recorder()
  const key = await newKey(recorder)
  expect(await recorder.verify(asked, key)).toBe('VALID')
  asked.proxy.hold(200, 'verification')
  try {
    await pause(reuseMs)
    for (let use = 0; use < 5; use++) {
      const begin = performance.now()
      expect(await recorder.verify(asked, key)).toBe('VALID')
      // A timer may be a millisecond early.
      expect(performance.now() - begin).toBeGreaterThan(198)
    }
    await revoke(recorder, key)
    expect(await recorder.verify(asked, key)).toBe('REVOKED')
  } finally {
    asked.proxy.restore()
  }
  expect(check(recorder.history)).toEqual([])
})

test('while replies to verification are held for longer than 2 s a node says 503, and afterwards it answers by itself', async () => {
  if (!onPostgres) return
  const recorder = new Recorder()
  const key = await newKey(recorder)
  expect(await recorder.verify(asked, key)).toBe('VALID')
  asked.proxy.hold(2_500, 'verification')
  try {
    await pause(reuseMs)
    const { status } = await fetch(`${asked.url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key: key.text, instanceId }) })
    expect(status).toBe(503)
  } finally {
    asked.proxy.restore()
  }
  await expect.poll(() => recorder.verify(asked, key), { timeout: 20_000 }).toBe('VALID')
})

test('a clock that is set an hour ahead or back opens no denied key and no ended one, and ends none that has longer', async () => {
  if (!onPostgres) return
  for (const aheadMs of [hourMs, -hourMs]) {
    const recorder = new Recorder()
    const [revoked, short, long] = [await newKey(recorder), await newKey(recorder, 3_000), await newKey(recorder)]
    for (const key of [revoked, short, long]) await recorder.verify(asked, key)
    const isTrueAgain = recorder.clock(aheadMs)
    await asked.setClock(aheadMs)
    try {
      await recorder.verify(asked, short)
      await revoke(recorder, revoked)
      expect(await recorder.verify(asked, revoked)).toBe('REVOKED')
      // Whether it was valid for too long, or not long enough, the check says.
      await expect.poll(() => recorder.verify(asked, short), { timeout: 10_000 }).toBe('EXPIRED')
      expect(await recorder.verify(asked, long)).toBe('VALID')
    } finally {
      await asked.setClock(0)
      isTrueAgain()
    }
    for (const key of [revoked, short, long]) await recorder.verify(asked, key)
    expect(check(recorder.history)).toEqual([])
  }
})

test('a database that has become a standby opens nothing, a node that starts on it says so, and nodes that met it go on by themselves', async () => {
  if (!onPostgres) return
  const recorder = new Recorder()
  const key = await newKey(recorder)
  expect(await recorder.verify(asked, key)).toBe('VALID')
  const { postgres, env } = ground.cluster
  await postgres.stop('SIGQUIT')
  writeFileSync(join(postgres.data, 'standby.signal'), '')
  await postgres.start()
  try {
    await pause(reuseMs)
    const ask = async (more: object) => {
      const body = JSON.stringify({ key: key.text, instanceId })
      return (await fetch(`${asked.url}/v1/verify`, { method: 'POST', body, ...more })).status
    }
    for (let use = 0; use < 3; use++) expect([await ask({}), await ask({ headers: { 'cache-control': 'no-cache' } })]).toEqual([503, 503])
    const started = spawnSync(process.execPath, ['dist/main.js', 'serve'], { env: { ...env, PORT: '0', DATABASE_URL: postgres.url }, encoding: 'utf8' })
    expect(started.status).not.toBe(0)
    expect(started.stderr).toContain('standby')
  } finally {
    await postgres.stop('SIGQUIT')
    rmSync(join(postgres.data, 'standby.signal'))
    await postgres.start()
  }
  await expect.poll(() => recorder.verify(asked, key), { timeout: 20_000 }).toBe('VALID')
  expect(check(recorder.history)).toEqual([])
})

test('each kind of repetition waits as long as the first', async () => {
  if (!onPostgres) return
  const recorder = new Recorder()
  const key = await newKey(recorder)
  const instance = await newInstance()
  const member = await recorder.make<{ member: { id: string } }>(denying, owner, 'member', { subject: `m${names++}` })
  for (const [by, id] of [
    ['revocation', key.id],
    ['deletion', instance],
    ['removal', member?.member.id ?? ''],
  ] as const) {
    const answered = [0, 1, 2].map(async () => {
      const begin = performance.now()
      const propagation = await recorder.deny(denying, owner, by, id, [])
      return [by, (propagation?.waitedMs ?? 0) >= denialMs, performance.now() - begin >= denialMs]
    })
    // One is the first, the others wait for its commit.
    for (const each of await Promise.all(answered)) expect(each).toEqual([by, true, true])
    const begin = performance.now()
    expect((await recorder.deny(asked, owner, by, id, []))?.waitedMs).toBeGreaterThanOrEqual(denialMs)
    expect(performance.now() - begin).toBeGreaterThanOrEqual(denialMs)
  }
})

for (const [form, save] of Object.entries(saves)) {
  test(`after ${form} was restored as docs/operating.md says, nodes that ran all along open nothing that was denied since, nor lost`, async () => {
    if (!onPostgres) return
    expect(await restore(ground, save, renewAsDocumented)).toEqual({ denied: 'REVOKED', lost: 'NOT_FOUND', active: 'VALID' })
  })
}

import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster, Node } from './cluster.ts'
import { authorizationOf } from './organizations.ts'
import type { Ground } from './prove.ts'
import { type HeldKey, Recorder } from './recorder.ts'

/** The command that docs/operating.md names, run on the machine of the servers. */
export async function renewAsDocumented({ env, postgres }: Cluster): Promise<void> {
  const [, command] = /DATABASE_URL=\S+ npx aura-keys (\w+)\n/.exec(readFileSync('docs/operating.md', 'utf8')) ?? []
  if (command === undefined) throw new Error('docs/operating.md does not say what to run after a restore')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/main.js', command], {
    env: { ...env, DATABASE_URL: postgres.url },
    encoding: 'utf8',
  })
  if (status !== 0 || !/\{"organizations":[1-9]/.test(stdout)) throw new Error(stdout + stderr)
}

/** Saves the database, and answers how to restore it. Nobody else is connected meanwhile. */
export type Save = (cluster: Cluster) => Promise<() => Promise<void>>

const copy = (from: string, to: string): void => {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

export const saves: Readonly<Record<'a dump' | 'a copy of the stopped data directory', Save>> = {
  // As whole as one of pg_dump, which is not installed everywhere.
  'a dump': async ({ sql }) => {
    await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()")
    await sql('DROP DATABASE IF EXISTS saved', 'template1')
    await sql('CREATE DATABASE saved TEMPLATE postgres', 'template1')
    return async () => {
      await sql('DROP DATABASE postgres WITH (FORCE)', 'template1')
      await sql('CREATE DATABASE postgres TEMPLATE saved', 'template1')
    }
  },
  'a copy of the stopped data directory': async ({ postgres }) => {
    const saved = `${postgres.data}-saved`
    await postgres.stop('SIGQUIT')
    rmSync(saved, { recursive: true, force: true })
    copy(postgres.data, saved)
    await postgres.start()
    return async () => {
      await postgres.stop('SIGQUIT')
      rmSync(postgres.data, { recursive: true })
      copy(saved, postgres.data)
      await postgres.start()
    }
  },
}

/** Runs it while no node reaches the database, as whoever restores does. */
async function apart<Answer>({ nodes }: Cluster, run: () => Promise<Answer>): Promise<Answer> {
  for (const { proxy } of nodes) proxy.cut()
  const answer = await run()
  for (const { proxy } of nodes) proxy.restore()
  return answer
}

/** Tries until it is answered: a node that lost its connections may need a moment. */
async function until<Answer>(attempt: () => Promise<Answer | null>): Promise<Answer> {
  for (const giveUp = performance.now() + 30_000; performance.now() < giveUp; await pause(50)) {
    const answer = await attempt()
    if (answer !== null) return answer
  }
  throw new Error('no answer in 30 s')
}

export interface Restored {
  /** What the node that ran all along says of a key that was denied after the restore. */
  readonly denied: string
  /** What it says of a key that was made, and found valid by it, after the backup. */
  readonly lost: string
  /** What it says of a key whose denial was lost with the restore. */
  readonly active: string
}

/** Saves, denies X, makes K, restores, runs `renew`, and denies Y, with nodes that run all along. */
export async function restore(
  { cluster, organizations: [organization] }: Ground,
  save: Save,
  renew: (cluster: Cluster) => Promise<unknown>,
): Promise<Restored> {
  if (!organization) throw new Error('no organization')
  const recorder = new Recorder()
  const owner = await authorizationOf(organization.slug)
  const [one, other] = [cluster.node(0), cluster.node(1)]
  const variables = { appId: organization.appId, name: `restore-${performance.now()}` }
  const { instance } = await until(() => recorder.make<{ instance: { id: string } }>(other, owner, 'instance', variables))
  const create = (): Promise<HeldKey> => until(() => recorder.create(other, owner, instance.id, null, 86_400_000))
  const deny = (key: HeldKey): Promise<unknown> => until(() => recorder.deny(other, owner, 'revocation', key.id, [key]))
  const ask = (node: Node, key: HeldKey): Promise<string> => until(() => recorder.verify(node, key))
  const [x, another, y] = [await create(), await create(), await create()]

  const restoreIt = await apart(cluster, () => save(cluster))
  const k = await create()
  await ask(one, k)
  // Two, so that a counter is ahead of what the restore brings back, even when that moves it by one.
  await deny(x)
  await deny(another)
  await ask(one, y)
  await apart(cluster, async () => {
    await restoreIt()
    await renew(cluster)
  })
  // Before another denial moves the mark.
  const lost = await ask(one, k)
  await deny(y)
  return { denied: await ask(one, y), lost, active: await ask(one, x) }
}

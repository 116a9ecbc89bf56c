import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../support/random.ts'
import { check, type Violation } from './check.ts'
import { runClient } from './clients.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type Fault, plant } from './faults.ts'
import { type Action, runNemesis } from './nemesis.ts'
import { makeOrganizations, type Organization } from './organizations.ts'
import { type HeldKey, Recorder } from './recorder.ts'

const manyClients = 8
const organizations = 4

export interface Ground {
  readonly cluster: Cluster
  readonly organizations: readonly Organization[]
}

/** Three nodes with organizations to work in, maybe with a fault. */
export async function startGround(fault?: Fault): Promise<Ground> {
  let made: Organization[] = []
  const planted = fault ? plant(fault.changes) : null
  const prepare = async (env: Readonly<Record<string, string>>): Promise<void> => {
    made = await makeOrganizations(env, organizations)
  }
  const cluster = await startCluster(prepare, planted?.program).catch((error: unknown) => {
    planted?.remove()
    throw error
  })
  if (fault?.sql !== undefined) await cluster.sql(fault.sql)
  const stop = async (): Promise<void> => {
    await cluster.stop()
    planted?.remove()
  }
  return { cluster: { ...cluster, stop }, organizations: made }
}

interface Run {
  readonly seed: number
  /** How many are to be answered. */
  readonly operations: number
  readonly only?: readonly Action[]
  readonly clients?: number
  /** Ends with the first violation. */
  readonly untilFound?: boolean
}

export interface Proof {
  readonly recorder: Recorder
  readonly actions: readonly Action[]
  readonly violations: readonly Violation[]
  readonly seconds: number
}

/** Asks every node for every key once more, from memory and from the database, until it says something. */
async function ask({ cluster }: Ground, recorder: Recorder, keys: readonly HeldKey[]): Promise<void> {
  const giveUp = performance.now() + 60_000
  const until = async (index: number, key: HeldKey, fresh: boolean): Promise<void> => {
    while ((await recorder.verify(cluster.node(index), key, fresh)) === null) {
      if (performance.now() > giveUp) throw new Error(`node ${index} does not answer any more`)
      await pause(50)
    }
  }
  for (const { index } of cluster.nodes) {
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => until(index, key, false).then(() => until(index, key, true))))
    }
  }
}

/** Lets clients and a nemesis go on until so many operations were answered, and checks what was said. */
export async function prove(ground: Ground, { seed, operations, only, clients = manyClients, untilFound = false }: Run): Promise<Proof> {
  const { cluster } = ground
  const recorder = new Recorder()
  const begin = performance.now()
  let isFound = false
  const isOver = (): boolean => isFound || recorder.operations >= operations
  const random = seededRandom(seed)
  const shared = { cluster, recorder, random, isOver }
  const running = Array.from({ length: clients }, (_, index) =>
    runClient(`s${seed}c${index}`, ground.organizations[index % ground.organizations.length] as Organization, {
      ...shared,
      random: seededRandom(seed + 1_000 * (index + 1)),
    }),
  )
  const breaking = runNemesis(shared, only)
  while (untilFound && !isOver()) {
    await pause(500)
    isFound = check(recorder.history).length > 0
  }
  const made = (await Promise.all(running)).flat()
  const actions = await breaking
  if (!isFound) await ask(ground, recorder, made)
  return { recorder, actions, violations: check(recorder.history), seconds: (performance.now() - begin) / 1_000 }
}

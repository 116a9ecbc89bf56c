import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster, Node } from './cluster.ts'
import type { Recorder } from './recorder.ts'

const hour = 3_600_000

interface Ground {
  readonly cluster: Cluster
  readonly recorder: Recorder
  readonly random: () => number
}

/** What it can do, each for a moment: afterwards everything stands as before. */
const actions = {
  'a node killed': async (node, { random }) => {
    await node.kill()
    await pause(300 * random())
    await node.start()
  },
  'a node stopped for a second': async (node) => {
    node.signal('SIGSTOP')
    await pause(1_000)
    node.signal('SIGCONT')
  },
  'replies held for 200 ms': async ({ proxy }) => {
    proxy.hold(200)
    await pause(1_000)
    proxy.restore()
  },
  // For longer than a denial waits. If it were much longer, other denials would outdate whatever is read meanwhile.
  'replies to verification held for 150 to 500 ms': async ({ proxy }, { random }) => {
    proxy.hold(150 + 350 * random(), 'verification')
    await pause(2_000)
    proxy.restore()
  },
  'replies to verification held for 2 s': async ({ proxy }) => {
    proxy.hold(2_000, 'verification')
    await pause(2_500)
    proxy.restore()
  },
  'replies swallowed, then connections cut': async ({ proxy }, { random }) => {
    proxy.hold(60_000)
    await pause(100 + 200 * random())
    proxy.cut()
    await pause(200 * random())
    proxy.restore()
  },
  // What was committed stays, and whoever asked for it hears nothing of it.
  'replies to COMMIT swallowed, then connections cut': async ({ proxy }, { random }) => {
    proxy.hold(60_000, 'commits')
    await pause(100 + 200 * random())
    proxy.cut()
    await pause(200 * random())
    proxy.restore()
  },
  'connections cut': async ({ proxy }, { random }) => {
    proxy.cut()
    await pause(300 * random())
    proxy.restore()
  },
  // At once, without a goodbye: it recovers from its log.
  'PostgreSQL restarted': async (_, { cluster: { postgres }, random }) => {
    await postgres.stop('SIGQUIT')
    await pause(300 * random())
    await postgres.start()
  },
  'a clock an hour ahead': (node, ground) => withClock(node, hour, ground),
  'a clock an hour behind': (node, ground) => withClock(node, -hour, ground),
} satisfies Record<string, (node: Node, ground: Ground) => Promise<void>>

async function withClock(node: Node, aheadMs: number, { recorder, random }: Ground): Promise<void> {
  const isTrueAgain = recorder.clock(aheadMs)
  await node.setClock(aheadMs)
  await pause(500 + 1_500 * random())
  await node.setClock(0)
  isTrueAgain()
}

export type Action = keyof typeof actions
export const allActions = Object.keys(actions) as Action[]

function shuffled<Each>(all: readonly Each[], random: () => number): Each[] {
  return all
    .map((each) => ({ each, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each)
}

/** Breaks one thing after the other, in an order of its own each time, until it is over; answers what it did. `only`: nothing else. */
export async function runNemesis(ground: Ground & { isOver: () => boolean }, only: readonly Action[] = allActions): Promise<Action[]> {
  const { cluster, random, isOver } = ground
  const done: Action[] = []
  while (!isOver() && only.length > 0) {
    for (const action of shuffled(only, random)) {
      await pause(200 + 800 * random())
      if (isOver()) break
      await actions[action](cluster.node(Math.floor(3 * random())), ground)
      done.push(action)
    }
  }
  return done
}

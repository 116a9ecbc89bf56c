import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster, Node } from './cluster.ts'
import type { Denial } from './history.ts'
import { authorizationOf, type Organization } from './organizations.ts'
import type { HeldKey, Recorder } from './recorder.ts'

const dayMs = 86_400_000

interface Ground {
  readonly cluster: Cluster
  readonly recorder: Recorder
  readonly random: () => number
  /** Whether it is time to end. */
  readonly isOver: () => boolean
}

/**
 * One of those who make keys, verify them on every node, and deny them, at random, in an organization that it shares with others. Instances, members
 * and keys are its own, so that it knows what was asked of them.
 */
export async function runClient(name: string, { slug, appId }: Organization, { cluster, recorder, random, isOver }: Ground): Promise<HeldKey[]> {
  const owner = await authorizationOf(slug)
  const made: HeldKey[] = []
  let instance: string | null = null
  let member: { id: string; authorization: string } | null = null
  let names = 0
  const anyNode = (): Node => cluster.node(Math.floor(3 * random()))
  const newName = (): string => `${name}-${names++}`
  /** Mostly one of the newest. */
  const anyKey = (): HeldKey | undefined => made[Math.floor(made.length * (1 - random() ** 3))] ?? made.at(-1)
  const onAllNodes = (key: HeldKey): Promise<unknown> => Promise.all(cluster.nodes.map((node) => recorder.verify(node, key)))

  async function create(): Promise<void> {
    instance ??= (await recorder.make<{ instance: { id: string } }>(anyNode(), owner, 'instance', { appId, name: newName() }))?.instance.id ?? null
    if (!member) {
      const subject = newName()
      const id = (await recorder.make<{ member: { id: string } }>(anyNode(), owner, 'member', { subject }))?.member.id
      if (id !== undefined) member = { id, authorization: await authorizationOf(slug, subject) }
    }
    if (!instance || !member) return void (await pause(20))
    const maker = random() < 0.5 ? member : { id: null, authorization: owner }
    const lifeMs = random() < 0.15 ? 500 + 4_000 * random() : 30 * dayMs
    const key = await recorder.create(anyNode(), maker.authorization, instance, maker.id, lifeMs)
    if (!key) return void (await pause(20))
    made.push(key)
    await onAllNodes(key)
  }

  /** Denies while all nodes are asked all the time, until that is answered, and asks them again at once. */
  async function deny(by: Denial['by'], id: string, keys: readonly HeldKey[]): Promise<void> {
    const asked = keys.at(-1)
    let isAnswered = false
    const asking = cluster.nodes.map(async (node) => {
      while (asked && !isAnswered) {
        const outcome = await recorder.verify(node, asked)
        await pause(outcome === null ? 50 : 15 * random())
      }
    })
    // Nodes that were asked for a while have statements under way when it is denied.
    if (random() < 0.5) await pause(400 * random())
    const once = async (node: Node): Promise<boolean> => (await recorder.deny(node, owner, by, id, keys)) !== null
    /** Comes while the first is under way, or after it, and whatever became of that; asks at once too, since its answer may be the earlier one. */
    const repeat = async (): Promise<void> => {
      await pause(30 * random())
      if ((await once(anyNode())) && asked) await onAllNodes(asked)
    }
    const second = random() < 0.4 ? repeat() : Promise.resolve()
    for (let attempts = 0; !(await once(anyNode())) && attempts < 5; attempts++) await pause(100 * random())
    isAnswered = true
    if (asked) await onAllNodes(asked)
    await second
    await Promise.all(asking)
    if (random() < 0.3) await once(anyNode())
    for (const key of [...new Set([asked, keys[0]])]) if (key) await onAllNodes(key)
  }

  while (!isOver()) {
    const dice = random()
    const key = anyKey()
    if (!key || dice < 0.3) await create()
    else if (dice < 0.65) await onAllNodes(key)
    else if (dice < 0.9) await deny('revocation', key.id, [key])
    else if (dice < 0.95 && instance) {
      const id: string = instance
      instance = null
      await deny(
        'deletion',
        id,
        made.filter(({ instanceId }) => instanceId === id),
      )
    } else if (member) {
      const { id }: { id: string } = member
      member = null
      await deny(
        'removal',
        id,
        made.filter(({ memberId }) => memberId === id),
      )
    }
  }
  return made
}

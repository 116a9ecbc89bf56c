import { afterAll, expect, test } from 'vitest'
import { builder } from '../../src/graphql/builder.ts'
import '../../src/api/schema.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'
import type { TestServer } from '../support/server.ts'

/** More for a night: `KEPT_ROUNDS=2000`, and `KEPT_SEED` to run a failure again. */
const rounds = Number(process.env['KEPT_ROUNDS'] ?? 60)
const seed = Number(process.env['KEPT_SEED'] ?? newSeed())
const unlimited = { KEY_CREATIONS_PER_MINUTE: '1000000', FAILED_CREDENTIALS_PER_MINUTE: '1000000', MAX_QUEUED_OPERATIONS_PER_MEMBER: '1000' }

const { server, company } = await companyOfFile(unlimited)
// On PostgreSQL two nodes; the embedded database has one.
const other = await server.node()
afterAll(() => other.close())

const nodes: readonly TestServer[] = [server, other]
const askers: readonly Person[] = ['ownA', 'auraA', 'devA', 'dev2A', 'ownB']

const textOf = async (node: TestServer, query: string, person: Person, variables: object = {}): Promise<string> =>
  (await node.post({ query, variables }, as(person))).text()

/** How many answers the nodes have sent again. */
async function sentAgain(): Promise<number> {
  const texts = await Promise.all([...new Set(nodes)].map(({ app }) => app.metrics.text()))
  return texts.reduce((sum, text) => sum + Number(/aura_keys_answers_total\{by="kept"\} (\d+)/.exec(text)?.[1] ?? 0), 0)
}

test(`RD-01 whatever changes on two nodes while queries run, a kept answer equals a fresh one byte for byte (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(random() * list.length)] as Item
  const { members, I1, I2, J1, appId } = company
  const keys = await Promise.all(['one', 'two', 'three'].map(async (name) => ({ ...(await company.createKey('ownA', pick([I1, I2]), name)), instanceId: I1 })))
  const write = createOperationWriter(builder.toSchema(), random, () => [I1, I2, J1, appId, members.devA.memberId, ...keys.map(({ id }) => id)])
  const queries = [
    ...Array.from({ length: 12 }, () => write('query')),
    '{ apps { name keyCounts { total active version } instances { edges { node { id name keyCounts { revoked } } } } } }',
    '{ apiKeys(first: 50) { totalCount version edges { node { id status lastUsedAt revokeRefusal createdBy { name removedAt } } } } }',
    `{ instance(id: "${I1}") { viewerRole access { edges { node { role member { name } } } } apiKeys(orderBy: LAST_USED_AT_DESC) { edges { node { id } } } } }`,
    '{ viewer { can { manageMembers } member { role } organization { version keyCounts { total } } } members(first: 50) { edges { node { name role } } } }',
  ]
  let made = 0
  const changes: ((node: TestServer) => Promise<unknown>)[] = [
    (node) => textOf(node, `mutation { createApiKey(input: { instanceId: "${I1}", name: "n${made++}", expiresInDays: 1 }) { plaintext } }`, 'devA'),
    (node) => textOf(node, `mutation { revokeApiKey(input: { id: "${pick(keys).id}", acknowledged: true }) { apiKey { id } } }`, 'ownA'),
    (node) => {
      const input = `{ instanceId: "${pick([I1, I2])}", memberId: "${members.dev2A.memberId}", role: ${pick(['OWNER', 'USER', 'null'])} }`
      return textOf(node, `mutation { setInstanceAccess(input: ${input}) { instance { id } } }`, 'ownA')
    },
    (node) =>
      textOf(
        node,
        `mutation { setMemberRole(input: { id: "${members.auraA.memberId}", role: ${pick(['OWNER', 'AURA_OWNER', 'MEMBER'])} }) { member { id } } }`,
        'ownA',
      ),
    (node) => textOf(node, `mutation { createAppInstance(input: { appId: "${appId}", name: "i${made++}" }) { instance { id } } }`, 'ownA'),
    async (node) => {
      const { memberId } = await addMember(node.app.ports, members.ownA, { subject: `more${made}`, name: `More ${made++}`, email: null, role: 'MEMBER' })
      await removeMember(node.app.ports, members.ownA, { id: memberId, acknowledged: true })
    },
    async (node) => {
      const { plaintext, instanceId } = pick(keys)
      server.time.now = new Date(server.time.now.getTime() + 61_000)
      await node.verify(plaintext, instanceId)
      await node.app.lastUses.flush()
    },
  ]
  /** The version that an answer shows, one that may be kept and one that never was. */
  const version = '{ viewer { organization { version } } }'
  const versionIn = (text: string): number => {
    expect(text).toMatch(/"version":"?\d/)
    return Number(/"version":"?(\d+)/.exec(text)?.[1])
  }
  const present = async (question: string): Promise<number> => versionIn(await textOf(pick(nodes), version, 'ownA', { question }))
  let compared = 0
  for (let round = 0; round < rounds; round++) {
    const person = pick(askers)
    const query = pick(queries)
    const ask = () => Promise.all(nodes.flatMap((node) => [textOf(node, query, person), textOf(node, query, person)]))
    // A change while it is executed, and while others ask the same.
    await ask()
    const before = await present(`before ${round}`)
    const askVersion = async (): Promise<number[]> => (await Promise.all(nodes.map((node) => textOf(node, version, 'ownA')))).map(versionIn)
    const [shown] = await Promise.all([
      Promise.all([askVersion(), askVersion()]),
      ask(),
      ...Array.from({ length: Math.floor(random() * 3) }, () => pick(changes)(pick(nodes))),
      ask(),
    ])
    const after = await present(`after ${round}`)
    for (const seen of shown.flat()) expect([seen >= before, seen <= after]).toEqual([true, true])
    const fresh = await textOf(pick(nodes), query, person, { question: round })
    if (fresh.includes('"errors"')) continue
    compared++
    for (const kept of [...(await ask()), ...(await ask())]) expect([query, person, kept]).toEqual([query, person, fresh])
  }
  expect(compared).toBeGreaterThan(rounds / 4)
  expect(await sentAgain()).toBeGreaterThan(rounds)
}, 300_000)

import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { endProcesses, pinning, type Server } from './processes.ts'
import { machine, publish, quantile, table } from './report.ts'
import { startClients } from './verify/clients.ts'
import { createPlace, type Place } from './verify/place.ts'

const revocations = Number(process.env['REVOCATIONS'] ?? 1_000)
const inUse = 1_000
const revokers = 4
/** How long a node is stopped or cut off, and how long it serves in between. */
const [troubleMs, quietMs] = [1_000, 3_000]

let place: Place
let nodes: readonly [Server, Server, Server]
let proxy: TcpProxy
beforeAll(async () => {
  place = await createPlace(inject('postgresUrl'), inUse, revocations)
  proxy = await startProxy(place.url)
  const first = await place.start()
  nodes = [first, await place.start(), await place.start({ DATABASE_URL: proxy.url, DATABASE_LISTEN_URL: place.url })]
}, 120_000)
afterAll(async () => {
  endProcesses()
  await proxy.stop()
  await place.close()
})

const agent = new Agent({ keepAlive: true })
/** The answer, or null where none comes in time. */
const post = (url: string, body: object, authorization?: string, timeout = 10_000): Promise<Record<string, never> | null> =>
  new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) }
    const sent = request(url, { method: 'POST', agent, timeout, headers }, async (response) => {
      const text = (
        await response
          .setEncoding('utf8')
          .toArray()
          .catch(() => [])
      ).join('')
      resolve(response.statusCode === 200 ? JSON.parse(text) : null)
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(null))
    sent.end(JSON.stringify(body))
  })

const revoke = async (id: string): Promise<{ nodes: number; waitedMs: number }> => {
  const query = 'mutation ($id: ID!) { revokeApiKey(input: { id: $id, acknowledged: true }) { propagation { nodes waitedMs } } }'
  const answer = (await post(`${nodes[0].url}/graphql`, { query, variables: { id } }, place.authorization)) as unknown as {
    data: { revokeApiKey: { propagation: { nodes: number; waitedMs: number } } }
  }
  return answer.data.revokeApiKey.propagation
}

test('revocations beside a node that is stopped and one that is cut off', async () => {
  const clients = await Promise.all(
    nodes.map(async (node) => {
      const each = startClients()
      const { file, instanceId } = place
      // Whoever is asked while it is stopped or cut off does not say "valid": how many of those there are is no matter here.
      await each.open({ url: node.url, kind: 'verify', file, count: inUse, instanceId, expected: '', connections: 4, warm: inUse })
      return each
    }),
  )
  let running = true
  const load = clients.map(async (each) => {
    let requests = 0
    while (running) requests += (await each.run({ seconds: 1, rate: 500 })).requests
    return requests
  })
  const trouble = (async () => {
    while (running) {
      process.kill(nodes[1].pid, 'SIGSTOP')
      proxy.swallow()
      await pause(troubleMs)
      process.kill(nodes[1].pid, 'SIGCONT')
      proxy.restore()
      await pause(quietMs)
    }
  })()
  const waited: number[] = []
  const took: number[] = []
  const counted = new Set<number>()
  const answers = { before: 0, valid: 0, refused: 0, none: 0 }
  const left = [...place.doomed]
  const ask = (node: Server, key: string) =>
    post(`${node.url}/v1/verify`, { key, instanceId: place.instanceId }, undefined, 3_000) as Promise<{ valid: boolean } | null>
  await Promise.all(
    Array.from({ length: revokers }, async () => {
      for (let doomed = left.pop(); doomed; doomed = left.pop()) {
        const { id, text } = doomed
        // So that every node that answers has it in memory.
        for (const answer of await Promise.all(nodes.map((node) => ask(node, text)))) if (answer?.valid) answers.before++
        const began = performance.now()
        const propagation = await revoke(id)
        took.push(performance.now() - began)
        waited.push(propagation.waitedMs)
        counted.add(propagation.nodes)
        for (const answer of await Promise.all(nodes.map((node) => ask(node, text)))) {
          if (!answer) answers.none++
          else if (answer.valid) answers.valid++
          else answers.refused++
        }
      }
    }),
  )
  running = false
  await trouble
  const requests = await Promise.all(load)
  expect(waited).toHaveLength(revocations)
  expect(answers.valid).toBe(0)
  const rows = [
    ['waitedMs', waited],
    ['the whole mutation, ms', took],
  ] as const
  const figures = rows.map(([name, values]) => [name, ...[0, 0.01, 0.5, 0.99, 1].map((q) => quantile(values, q).toFixed(0))])
  const page = [
    `${machine()}; ${pinning}.`,
    table([`of ${revocations.toLocaleString('en')}`, 'least', 'p1', 'p50', 'p99', 'most'], figures),
    `${answers.before.toLocaleString('en')} times a node said "valid" before the revocation; of the ${(3 * revocations).toLocaleString('en')} questions after its answer ${answers.refused.toLocaleString('en')} were refused, ${answers.none.toLocaleString('en')} not decided by a node in trouble, ${answers.valid} accepted. Beside it the three nodes answered ${requests.map((count) => count.toLocaleString('en')).join(', ')} verifications; the mutations counted ${[...counted].sort().join(', ')} nodes.`,
  ].join('\n\n')
  if (revocations >= 1_000) publish('revocation', page)
  console.log(page)
}, 900_000)

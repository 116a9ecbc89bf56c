import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCompany } from '../support/company.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
  await createCompany(server)
})
afterAll(() => server.close())

test('DS-14 two thousand different documents leave the memory as it was', async () => {
  const authorization = `Bearer ${await server.token('ownA', 'a')}`
  const send = async (number: number): Promise<void> => {
    const query = `{ apps { id } } # ${number} ${'x'.repeat(9_000)}`
    await (await server.post({ query }, { authorization })).arrayBuffer()
  }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const settled = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  for (let number = 0; number < 1_200; number++) await send(number)
  const before = settled()
  for (let number = 1_200; number < 3_200; number++) await send(number)
  // Kept for good, two thousand documents of 9 kB with their parsed forms would be far more than 18 MB.
  expect(settled() - before).toBeLessThan(16_000_000)
}, 180_000)

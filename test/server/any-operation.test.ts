import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builder } from '../../src/graphql/builder.ts'
import '../../src/graphql/schema.ts'
import { as, type Company, createCompany, people } from '../support/company.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let company: Company

beforeAll(async () => {
  server = await startServer()
  company = await createCompany(server)
})
afterAll(() => server.close())

const codes = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'BAD_USER_INPUT', 'QUERY_REJECTED']
const seed = newSeed()

test(`BI-08 whatever valid operation anybody sends, nothing fails inside and no plaintext comes back (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  const schema = builder.toSchema()
  const key = await company.createKey('devA', company.I1)
  const ids = [key.id, company.I1, company.J1, company.appId, company.members.devA.memberId, company.members.ownA.organizationId, 'key_nothing', '', '\0']
  const write = createOperationWriter(schema, random, () => ids)
  const answered = { data: 0, refused: 0 }
  for (let sent = 0; sent < 400; sent++) {
    const query = write(random() < 0.8 ? 'query' : 'mutation')
    expect(validate(schema, parse(query)), query).toEqual([])
    const person = people[sent % people.length] ?? 'ownA'
    const response = await server.post({ query }, as(person))
    const text = await response.text()
    const answer = JSON.parse(text) as { data?: object; errors?: { extensions: { code: string } }[] }
    for (const error of answer.errors ?? []) expect(codes, `${query} as ${person}`).toContain(error.extensions.code)
    expect(text).not.toContain(key.plaintext)
    answered[answer.errors ? 'refused' : 'data']++
  }
  expect(server.log.filter((entry) => entry.level === 'error')).toEqual([])
  expect(answered.data).toBeGreaterThan(50)
  expect(answered.refused).toBeGreaterThan(20)
})

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
})

import { expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

const day = 86_400_000
const moveClock = (ms: number): void => {
  server.time.now = new Date(server.time.now.getTime() + ms)
}

test('VF-12 a key that was stored as expired stays so on a node whose clock is behind', async () => {
  const { plaintext } = await company.createKey('devA', company.I1, 'short', 1)
  moveClock(2 * day)
  await server.app.sweep()
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'EXPIRED' })
  moveClock(-2 * day)
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'EXPIRED' })
})

test("VF-12 a key that is over by the database's clock is expired, whatever the node's says, before it was swept too", async () => {
  moveClock(-2 * day)
  const { plaintext, id } = await company.createKey('devA', company.I1, 'of yesterday', 1)
  expect(await server.verify(plaintext, company.I1)).toEqual({ valid: false, code: 'EXPIRED' })
  expect(await server.sql('SELECT status::text FROM api_key WHERE id = $1', id)).toEqual([{ status: 'ACTIVE' }])
  moveClock(2 * day)
})

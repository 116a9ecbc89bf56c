import { expect, test } from 'vitest'
import { CreateApiKeyDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
const create = (input: object) =>
  server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'unlucky name', expiresInDays: 1, ...input } }, as('devA'))

/** Makes every key's bytes known, so that what must not be found can be looked for although no answer shows it. */
const known = Buffer.from('3f'.repeat(32), 'hex')

/** Creates where the database, or its client, refuses: the answer and the log, which must name no value and no statement. */
async function refused(input: object, error: string): Promise<void> {
  const { ports } = server.app
  const { randomBytes } = ports
  let generated = 0
  Object.assign(ports, {
    randomBytes: () => {
      generated++
      return known
    },
  })
  const count = () =>
    server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM secret) AS secrets, (SELECT count(*) FROM event) AS events')
  const before = await count()
  server.log.length = 0
  const answer = await create(input)
  Object.assign(ports, { randomBytes })
  expect(generated).toBe(1)
  expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual(['INTERNAL'])
  expect(answer.data?.createApiKey ?? null).toBeNull()
  expect(server.log).toHaveLength(1)
  expect(server.log[0]?.fields).toMatchObject({ error, requestId: answer.errors?.[0]?.extensions.requestId })
  for (const text of [JSON.stringify(answer), JSON.stringify(server.log)]) {
    expect(text).not.toMatch(/unlucky|INSERT|insert into|constraint|one_of|Invalid|Argument|aura_0|3f3f3f|63,63,63|Pz8\/P/)
  }
  expect(await count()).toEqual(before)
}

test('KS-03 a unique constraint that refuses the key, in plain SQL, is INTERNAL without the statement or its values', async () => {
  expect((await create({})).errors).toBeUndefined()
  await run('CREATE UNIQUE INDEX one_of_a_name ON api_key (name)')
  await refused({}, 'PrismaClientKnownRequestError')
  await run('DROP INDEX one_of_a_name')
})

test("KS-03 a unique constraint that refuses the key's secret, through the client's own method, likewise", async () => {
  expect((await create({ saveAsSecret: { name: 'unlucky_1' } })).errors).toBeUndefined()
  await run('CREATE UNIQUE INDEX one_of_a_creator ON secret (created_by_id)')
  await refused({ saveAsSecret: { name: 'unlucky_2' } }, 'PrismaClientKnownRequestError')
  await run('DROP INDEX one_of_a_creator')
})

test('KS-03 a check that refuses the key likewise', async () => {
  await run("ALTER TABLE api_key ADD CONSTRAINT one_of_luck CHECK (name <> 'unlucky name') NOT VALID")
  await refused({}, 'PrismaClientKnownRequestError')
  await run('ALTER TABLE api_key DROP CONSTRAINT one_of_luck')
})

test('KS-03 an argument that the client itself refuses, whose message repeats every value, likewise', async () => {
  const { seals } = server.app.ports
  const { seal } = seals
  // A wrong type beside the name: the client's message shows all that it was given.
  Object.assign(seals, { seal: () => ({ kekId: { unlucky: known }, sealed: known }) })
  await refused({ saveAsSecret: { name: 'unlucky_3' } }, 'PrismaClientValidationError')
  Object.assign(seals, { seal })
})

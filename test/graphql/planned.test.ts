import { readdirSync, readFileSync } from 'node:fs'
import { type DocumentNode, execute, Kind, parse } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { createSchema, rules } from '../../src/api/schema.ts'
import { createContext } from '../../src/graphql/context.ts'
import { executePlanned } from '../../src/graphql/planned.ts'
import { refusals } from '../../src/graphql/refusals.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { revokeApiKey } from '../../src/keys/revoke-api-key.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import type { Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'

const { server, company } = await companyOfFile()
const { schema } = createSchema()
const asking: readonly Person[] = ['ownA', 'auraA', 'devA', 'dev2A', 'viewA', 'ownB']
let ids: string[]

beforeAll(async () => {
  const { ports } = server.app
  const { members, I1, I2, J1, appId, otherAppId } = company
  const keyIds: string[] = []
  for (let index = 0; index < 9; index++) {
    const [by, instanceId] = index < 6 ? (['devA', I1] as const) : (['ownA', I2] as const)
    keyIds.push((await company.createKey(by, instanceId, `key ${index % 4}`, index + 1)).id)
  }
  await revokeApiKey(ports, members.ownA, { id: keyIds[0] as string, acknowledged: true })
  await setInstanceAccess(ports, members.ownA, { instanceId: I2, memberId: members.dev2A.memberId, role: 'OWNER' })
  await company.createKey('dev2A', I1)
  await removeMember(ports, members.ownA, { id: members.viewA.memberId, acknowledged: true })
  const { instanceId: gone } = await createAppInstance(ports, members.ownA, { appId, name: 'gone' })
  await company.createKey('ownA', gone)
  await deleteAppInstance(ports, members.ownA, { id: gone, acknowledged: true })
  ids = [...keyIds.slice(0, 4), I1, I2, J1, gone, appId, otherAppId, members.devA.memberId, members.viewA.memberId, members.ownA.organizationId, 'key_nothing']
})

/** What one member gets, by the plan (null if there is none, or if it gives up) and by graphql-js. */
async function both(document: DocumentNode, person: Person, variableValues = {}): Promise<{ planned: string | null; ordinary: string } | null> {
  const argsFor = () => ({ schema, document, variableValues, contextValue: createContext(server.app.ports, company.members[person]) })
  const args = argsFor()
  if (refusals(args).length > 0) return null
  const planned = await executePlanned(args, rules.Query)
  const again = argsFor()
  refusals(again)
  return { planned: planned && JSON.stringify(planned), ordinary: JSON.stringify(await execute(again)) }
}

/** Answers with rows. More for a night: `PLANNED_ROWS=2000`, and `PLANNED_SEED` to run a failure again. */
const wanted = Number(process.env['PLANNED_ROWS'] ?? 70)
const seed = Number(process.env['PLANNED_SEED'] ?? newSeed())

test(
  `what is answered by a plan is what graphql-js answers, byte for byte (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    const write = createOperationWriter(schema, random, () => ids, { aliases: 1, sizes: [0, 1, 2, 3, 20] })
    const tried = { planned: 0, rows: 0, ordinary: 0 }
    // One in eight of all that is asked.
    while (tried.rows < wanted && tried.planned + tried.ordinary < 50 * wanted) {
      const query = write('query')
      const person = asking[Math.floor(random() * asking.length)] as Person
      const found = await both(parse(query), person)
      if (!found) continue
      if (found.planned === null) tried.ordinary++
      else {
        tried.planned++
        if (/"__typename":"(ApiKey|AppInstance|App|Member|Secret)"/.test(found.planned)) tried.rows++
        expect(found.planned, `${person}: ${query}`).toBe(found.ordinary)
      }
    }
    expect(tried).toMatchObject({ rows: wanted })
    expect(tried.ordinary).toBeGreaterThan(10)
  },
  60_000 + wanted * 2_000,
)

const folder = 'schema/operations/portal'
const texts = readdirSync(folder).map((file) => readFileSync(`${folder}/${file}`, 'utf8'))
const [queries, fragments] = [texts.filter((text) => text.startsWith('query')), texts.filter((text) => text.startsWith('fragment'))]

/** A query with the fragments that it needs, which the files have one each. */
function whole(query: string): DocumentNode {
  const needed = new Set<string>()
  const gather = (text: string): void => {
    for (const [, name] of text.matchAll(/\.\.\.(\w+)/g)) {
      const fragment = fragments.find((each) => each.startsWith(`fragment ${name} `)) ?? ''
      if (needed.has(fragment)) continue
      needed.add(fragment)
      gather(fragment)
    }
  }
  gather(query)
  return parse([query, ...needed].join('\n'))
}

test.each(queries.map((query) => [/query (\w+)/.exec(query)?.[1] ?? '', query]))('%s of the portal has a plan', async (_, query) => {
  const given = {
    id: query.includes('apiKey(id') ? ids[1] : company.I1,
    slug: 'functions',
    search: 'key',
    filter: query.includes('ApiKeyFilter') ? { instanceId: company.I1 } : {},
  }
  const document = whole(query)
  const names = document.definitions
    .flatMap((each) => (each.kind === Kind.OPERATION_DEFINITION ? (each.variableDefinitions ?? []) : []))
    .map(({ variable }) => variable.name.value)
  const variables = Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)))
  const found = await both(document, 'ownA', variables)
  expect(found?.planned).toContain('"data":{"')
  expect(found?.planned).toBe(found?.ordinary)
})

test('what a plan must not do is for graphql-js, before anything is read', async () => {
  const twice = 'instance(id: "x") { a: apiKeys(first: 1) { totalCount edges { node { id } } } b: apiKeys(first: 2) { edges { node { id } } } }'
  for (const query of [
    '{ apps { __proto__: name } }',
    '{ apps { id name @include(if: true) } }',
    '{ ... on Query @skip(if: false) { apps { id } } }',
    `{ node(id: "${ids[0]}") { id } }`,
    `{ ${twice.replace('x', company.I1)} }`,
    '{ auditLog { totalCount } }',
  ]) {
    const found = await both(parse(query), query.includes('auditLog') ? 'devA' : 'ownA')
    expect([query, found?.planned]).toEqual([query, null])
    server.statements.length = 0
    const args = {
      schema,
      document: parse(query),
      contextValue: createContext(server.app.ports, company.members[query.includes('auditLog') ? 'devA' : 'ownA']),
    }
    refusals(args)
    await executePlanned(args, rules.Query)
    expect([query, server.statements]).toEqual([query, []])
  }
})

test('a failure is null at the nearest place that may be, beside what did not fail', async () => {
  const found = await both(parse('{ apps { id } members { edges { node { id } } } }'), 'viewA')
  expect(JSON.parse(found?.planned ?? '')).toMatchObject({ data: { members: null, apps: [{}] }, errors: [{ path: ['members'] }] })
  expect(found?.planned).toBe(found?.ordinary)
})

test('operations of many rows, or of many fields in each, are executed in turns, by graphql-js', async () => {
  const apps = (fields: string): string => `{ apps { instances(first: 20) { edges { node { ${fields} } } } } }`
  const names = 'id name status createdAt deletedAt viewerRole keyCounts { active expired orphaned revoked total version }'
  expect((await both(parse(apps(names)), 'ownA'))?.planned).toBeNull()
  expect((await both(parse(apps('id')), 'ownA'))?.planned).toContain('"instances"')
  expect((await both(parse(apps(names).replace('20', '2')), 'ownA'))?.planned).toContain('"instances"')
})

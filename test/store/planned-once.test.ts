import { expect, test } from 'vitest'
import { runAs, Work } from '../../src/store/work.ts'
import * as documents from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

type Person = 'ownA' | 'devA'
interface Prepared {
  name: string
  statement: string
  generic: number
  custom: number
}

/** Takes a moment, so that as many are asked at once have a connection each. */
const asked = `SELECT name, statement, generic_plans::int AS generic, custom_plans::int AS custom FROM pg_prepared_statements, pg_sleep(0.05)
  WHERE name LIKE 'aura_keys_%'`

/** What scripts, gateways' owners and the portal ask again and again. */
const calls: Record<string, (person: Person, turn: number) => Promise<unknown>> = {
  create: async (person) => {
    const input = { instanceId: company.I1, name: 'x', expiresInDays: 1 }
    dataOf(await server.graphql(documents.CreateApiKeyDocument, { input }, as(person)))
  },
  revoke: async (person, turn) => {
    const ids: string[] = []
    for (let index = 0; index <= turn % 3; index++) ids.push((await company.createKey(person, company.I1)).id)
    dataOf(await server.graphql(documents.RevokeApiKeysDocument, { input: { ids, acknowledged: true } }, as(person)))
  },
  instance: async (person) => dataOf(await server.graphql(documents.InstanceDocument, { id: company.I1 }, as(person))),
  page: async (person) => dataOf(await server.graphql(documents.InstanceKeysDocument, { id: company.I1 }, as(person))),
  apps: async (person) => dataOf(await server.graphql(documents.AppsWithInstancesDocument, { first: 10 }, as(person))),
  keys: async (person) => dataOf(await server.graphql(documents.ApiKeysDocument, {}, as(person))),
  events: async (person) => {
    const query = '{ auditLog { edges { node { id kind actor { name } apiKey { name } instance { name } } } } }'
    if (person === 'ownA') expect(await (await server.post({ query }, as(person))).json()).not.toHaveProperty('errors')
  },
  viewer: async (person) => dataOf(await server.graphql(documents.ViewerDocument, {}, as(person))),
}

test('PostgreSQL plans what is sent again and again once, and not each time', async () => {
  const { database } = server.app
  // It prepares nothing.
  if (database.kind === 'pglite') return
  for (const person of ['ownA', 'devA'] as const) {
    for (let turn = 0; turn < 40; turn++) for (const call of Object.values(calls)) await call(person, turn)
  }
  const ofConnections = await Promise.all([
    database.read<Prepared>(asked, [], 'callers'),
    ...Array.from({ length: 10 }, () => runAs(new Work('operations'), () => database.client.$queryRawUnsafe<Prepared[]>(asked))),
  ])
  const often = ofConnections.flat().filter(({ generic, custom }) => generic + custom > 10)
  // Who asks, the lock, the role, what is written, what is looked at for a revocation, and pages.
  for (const part of [
    'FROM unnest(',
    'FOR NO KEY UPDATE',
    'SELECT role::text',
    'INSERT INTO api_key',
    'UPDATE api_key SET revoked_at',
    'FROM api_key k',
    'json_agg(',
    'FROM event t0',
  ]) {
    expect([part, often.some(({ statement }) => statement.includes(part))]).toEqual([part, true])
  }
  expect(often.filter(({ generic, custom }) => custom > generic)).toEqual([])
  // Callers choose what is selected and counted: such statements must not take the places of those that are always the same.
  const chosen = ofConnections.flat().filter(({ statement }) => /\bt0\b/.test(statement))
  expect(new Set(chosen.map(({ statement }) => statement)).size).toBeGreaterThan(8)
  for (const { name, statement } of chosen) expect([statement, name]).toEqual([statement, expect.stringMatching(/^aura_keys_chosen_/)])
}, 60_000)

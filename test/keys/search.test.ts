import { expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { addMember } from '../../src/members/add-member.ts'
import { ApiKeysDocument, FindInstanceDocument, MembersDocument } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf, type GraphQLAnswer } from '../support/server.ts'

const { server, company } = await companyOfFile()
const { ports } = server.app
const owner = company.members.ownA

type Named = { edges: { node: { name: string } }[] }
const names = (list: Named | null): string[] => (list?.edges ?? []).map(({ node }) => node.name).sort()

const some = 'edges { node { name } }'
/** As many lists in each as the price of an operation allows. */
const documents = [
  `query ($search: String!) {
    newest: apiKeys(first: 5, filter: { search: $search }) { ${some} }
    oldest: apiKeys(first: 5, filter: { search: $search }, orderBy: CREATED_AT_ASC) { ${some} }
    members(first: 5, filter: { search: $search }) { ${some} }
  }`,
  `query ($search: String!) {
    byName: apiKeys(first: 5, filter: { search: $search }, orderBy: NAME_ASC) { ${some} }
    byUse: apiKeys(first: 5, filter: { search: $search }, orderBy: LAST_USED_AT_DESC) { ${some} }
  }`,
  `query ($search: String!, $instance: ID!) {
    app(slug: "functions") {
      apiKeys(first: 5, filter: { search: $search }) { ${some} }
      instances(first: 5, filter: { search: $search }) { ${some} }
    }
    instance(id: $instance) { apiKeys(first: 5, filter: { search: $search }) { ${some} } }
  }`,
]

interface Lists {
  newest: Named
  oldest: Named
  byName: Named
  byUse: Named
  app: { apiKeys: Named; instances: Named }
  instance: { apiKeys: Named }
  members: Named
}

/** What every list that can be searched has for this text, and what a plain member finds. Their rows have the same names. */
async function searchEverywhere(search: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const person of ['ownA', 'devA'] as const) {
    const answers = documents.map(async (query) =>
      dataOf((await (await server.post({ query, variables: { search, instance: company.I1 } }, as(person))).json()) as GraphQLAnswer<Partial<Lists>>),
    )
    const { newest, oldest, byName, byUse, members, app, instance } = Object.assign({}, ...(await Promise.all(answers))) as Lists
    const lists = { newest, oldest, byName, byUse, 'of the app': app.apiKeys, 'of the instance': instance.apiKeys, members }
    for (const [list, rows] of Object.entries(lists)) found[`${list}, by ${person}`] = names(rows)
    // A plain member has a role on one instance.
    if (person === 'ownA') found['instances'] = names(app.instances)
  }
  return found
}
const lists = Object.keys(await searchEverywhere('nothing'))
const everywhere = (found: string[]): Record<string, string[]> => Object.fromEntries(lists.map((list) => [list, found]))

/** By which way a row got its name. */
const ways: Record<string, (name: string, n: number) => Promise<void>> = {
  'the application made': async (name, n) => {
    await company.createKey('ownA', company.I1, name)
    await createAppInstance(ports, owner, { appId: company.appId, name })
    await addMember(ports, owner, { subject: `subject-${n}`, name, email: null, role: 'MEMBER' })
  },
  // As a node of an older version, or a person, writes: without what search reads.
  'SQL made': async (name, n) => {
    const id = (prefix: string): string => `${prefix}_${String(n).padStart(26, '0')}`
    const values = [name, company.I1] as const
    await server.sql(
      `WITH made AS (INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
        SELECT '${id('key')}', organization_id, app_id, id, created_by_id, $1, 'aura_0000…AbCd', now(), now() + interval '1 day' FROM app_instance WHERE id = $2 RETURNING 1) SELECT * FROM made`,
      ...values,
    )
    await server.sql(
      `WITH made AS (INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
        SELECT '${id('ins')}', organization_id, app_id, $1, 'ACTIVE', created_by_id, now() FROM app_instance WHERE id = $2 RETURNING 1) SELECT * FROM made`,
      ...values,
    )
    await server.sql(
      `WITH made AS (INSERT INTO member (id, organization_id, subject, name, email, role, joined_at)
        SELECT '${id('mem')}', organization_id, 'sql-${n}', $1, NULL, 'MEMBER', now() FROM app_instance WHERE id = $2 RETURNING 1) SELECT * FROM made`,
      ...values,
    )
    await server.app.sweep()
  },
  'SQL renamed': async (name, n) => {
    await ways['the application made']?.(`before ${n}`, n)
    for (const table of ['api_key', 'app_instance', 'member']) {
      await server.sql(`WITH renamed AS (UPDATE ${table} SET name = $1 WHERE name = $2 RETURNING 1) SELECT * FROM renamed`, name, `before ${n}`)
    }
    await server.app.sweep()
    expect(await searchEverywhere(`before ${n}`)).toEqual(everywhere([]))
  },
}

/** A name, texts that find it, and texts that find nothing. */
const cases: [name: string, finding: string[], missing: string[]][] = [
  ['Payments-API v2', ['payments', 'MENTS-a', 'I V2', 'pa', 'P'], ['ay', 'v2x', 'payments api', 'paymentsaapi']],
  ['Οδυσσεύς', ['ΟΔΥΣΣΕΎΣ', 'σσεύσ', 'εύς', 'ο', 'ΟΔ'], ['οδυσσευς', 'ύς']],
  ['Москва 7', ['МОСК', 'сква', 'А 7', 'м'], ['москве', '7']],
  ['İstanbul ısı', ['ISTANBUL', 'istanbul', 'İSTAN', 'L ISI', 'ıs', 'is'], ['stanbull', 'st']],
  ['Große Straße', ['STRASSE', 'straße', 'GROẞE', 'ße S', 'gr'], ['strase', 'ß', 'SS']],
  ['E\u0301cole', ['éco', 'ÉCOLE', 'e\u0301col', 'É', 'e\u0301'], ['ecole', 'e']],
  ['東京都庁', ['京都庁', '東京都', '東京', '東'], ['京', '都庁', '東都庁']],
  ['50%_off\\now', ['%_o', '\\now', '50%_', '%_off\\', '50', '5'], ['___', '5__', '%%%', '%_', '\\', '_', '%']],
  ['--- + ---', ['---', '- +', '+ --', '-', '--'], ['----', '+++', '+']],
  ['𐐀𐐁𐐂', ['𐐨𐐩𐐪', '𐐀𐐁𐐪', '𐐨', '𐐨𐐁'], ['𐐩', '𐐩𐐨𐐪']],
]

let made = 0
for (const [way, make] of Object.entries(ways)) {
  test(`names that ${way} are found in every list, whatever their case and script`, async () => {
    const stored = cases.map(([name]) => name.normalize('NFC'))
    try {
      for (const name of stored) await make(name, ++made)
      for (const [index, [, finding, missing]] of cases.entries()) {
        for (const text of finding) expect([text, await searchEverywhere(text)]).toEqual([text, everywhere([stored[index] ?? ''])])
        for (const text of missing) expect([text, await searchEverywhere(text)]).toEqual([text, everywhere([])])
      }
    } finally {
      for (const table of ['api_key', 'app_instance', 'member']) {
        await server.sql(`UPDATE ${table} SET name = 'gone', folded = 'gone', trigrams = 'gone' WHERE name = ANY($1) RETURNING 1`, stored)
      }
    }
  }, 180_000)
}

test('parts of hints and addresses are found, never by their beginning alone, and never across the end of a name', async () => {
  const { id } = await company.createKey('ownA', company.I1, 'hinted')
  const { memberId } = await addMember(ports, owner, { subject: 'addressed', name: 'Addressed', email: 'GROẞE@Test.example', role: 'MEMBER' })
  const [{ hint } = { hint: '' }] = await server.sql<{ hint: string }>('SELECT hint FROM api_key WHERE id = $1', id)
  const keys = async (search: string): Promise<string[]> =>
    dataOf(await server.graphql(ApiKeysDocument, { filter: { search } }, as('ownA'))).apiKeys.edges.map(({ node }) => node.id)
  const members = async (search: string, by: Person): Promise<string[] | undefined> =>
    dataOf(await server.graphql(MembersDocument, { filter: { search } }, as(by))).members?.edges.map(({ node }) => node.id)
  for (const text of [hint, hint.slice(-4), hint.slice(-4).toUpperCase(), hint.slice(6, 12)]) expect(await keys(text)).toContain(id)
  for (const text of ['aur', 'au', `hinted\n${hint}`, 'ed\n', 'd\n', '\n'])
    expect([text, (await keys(text)).includes(id) && text !== 'aur']).toEqual([text, false])
  expect(await members('grosse@test', 'ownA')).toEqual([memberId])
  for (const text of ['gr', 'addressed\ngro', 'd\ng']) expect(await members(text, 'ownA')).toEqual([])
  for (const text of ['grosse@test', 'EXAMPLE']) expect(await members(text, 'devA')).toEqual([])
  for (const text of ['ADDRESSED', 'ad']) expect(await members(text, 'devA')).toEqual([memberId])
})

test('an instance of another app is not found', async () => {
  await createAppInstance(ports, company.members.ownB, { appId: company.otherAppId, name: 'Foreign Ж' })
  expect(dataOf(await server.graphql(FindInstanceDocument, { app: 'functions', name: 'foreign ж' }, as('ownA'))).app?.instances.edges).toEqual([])
  expect(dataOf(await server.graphql(FindInstanceDocument, { app: 'functions', name: 'foreign ж' }, as('ownB'))).app?.instances.edges).toHaveLength(1)
})

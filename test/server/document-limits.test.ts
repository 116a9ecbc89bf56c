import { beforeAll, describe, expect, test } from 'vitest'
import { as, createCompany } from '../support/company.ts'
import { serverOfFile } from '../support/file-server.ts'
import { codesOf, type GraphQLAnswer } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'

const server = await serverOfFile({ WS_MAX_MESSAGES_PER_MINUTE: '100000', WS_MAX_SOCKETS_PER_MEMBER: '1000' })

beforeAll(async () => {
  await createCompany(server)
})

const many = (count: number, each: (index: number) => string): string => Array.from({ length: count }, (_, index) => each(index)).join(' ')
const doubles = (type: string, last: string, count = 150): string =>
  many(count, (index) => `fragment F${index} on ${type} { ${index < count - 1 ? `...F${index + 1} ...F${index + 1}` : last} }`)

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`DS-18 over ${transport}`, () => {
    const ask = (query: string, variables = {}): Promise<GraphQLAnswer<unknown>> => send(server, { query, variables }, as('ownA'))
    /** The messages of refusals, which all have one code. */
    const refused = async (query: string, variables = {}, code = 'QUERY_REJECTED'): Promise<string> => {
      const { errors = [] } = await ask(query, variables)
      expect(new Set(errors.map((error) => error.extensions.code)), query.slice(0, 200)).toEqual(new Set([code]))
      return errors.map(({ message }) => message).join('\n')
    }
    const allowed = async (query: string, variables = {}): Promise<void> => expect((await ask(query, variables)).errors, query.slice(0, 200)).toBeUndefined()

    test('fragments that each spread the next one twice are answered like others, on every root', async () => {
      expect(await refused(`mutation { ...F0 } ${doubles('Mutation', 'createApp(input: { slug: "s", name: "n" }) { app { id } }')}`)).toMatch(
        /has 1000000 or more root fields; at most 5 are allowed/,
      )
      for (const type of ['Query', 'Mutation', 'Subscription']) {
        expect(await refused(`${type.toLowerCase()} { ...F0 } ${doubles(type, '...Nowhere')}`)).toMatch(/Unknown fragment "Nowhere"/)
      }
      expect(await refused(`{ ...F0 } ${doubles('Query', 'a: __typename')}`)).toMatch(/has 1000000 or more aliases; at most 50 are allowed/)
      expect(await refused(`subscription { ...F0 } ${doubles('Subscription', 'a: keyCounts { b: total }')}`)).toMatch(/1000000 or more aliases/)
      await allowed(`{ ...F0 } ${doubles('Query', '__typename')}`)
    })

    test('fifty fields of one name may be merged, wherever they stand, and not fifty-one', async () => {
      const places: Record<string, (count: number) => string> = {
        'side by side': (count) => `{ ${many(count, () => 'viewer { __typename }')} }`,
        'under one alias': (count) =>
          `{ ${many(Math.min(count, 50), () => 'v: viewer { __typename }')} ${many(count - 50, () => '...{ v: viewer { __typename } }')} }`,
        'inside merged fields': (count) => `{ viewer { ${many(25, () => '__typename')} } viewer { ${many(count - 25, () => '...{ __typename }')} } }`,
        'in fragments': (count) =>
          `{ ${many(count, (index) => `...F${index}`)} } ${many(count, (index) => `fragment F${index} on Query { viewer { __typename } }`)}`,
        'in fragments of fragments': (count) =>
          `{ ...F0 } ${many(count, (index) => `fragment F${index} on Query { __typename ${index < count - 1 ? `...F${index + 1}` : ''} }`)}`,
        'in fragments inside merged fields': (count) =>
          `{ viewer { ...A } viewer { ...B } } fragment A on Viewer { ${many(25, () => '__typename')} } fragment B on Viewer { ${many(count - 25, () => '__typename')} }`,
      }
      for (const [place, write] of Object.entries(places)) {
        await allowed(write(50))
        // Of aliases there are fifty at most.
        expect([place, await refused(write(51))]).toEqual([place, expect.stringMatching(/51 (fields under the name|aliases).*; at most 50 are allowed/)])
      }
      await allowed(`{ ${many(50, (index) => `a${index}: viewer { __typename }`)} }`)
      await allowed(`{ ${many(49, (index) => `a${index}: viewer { ...F }`)} viewer { __typename } } fragment F on Viewer { __typename can { createApp } }`)
    })

    test('an alias of 100 characters is allowed, one of 101 is not', async () => {
      await allowed(`{ ${'x'.repeat(100)}: __typename }`)
      expect(await refused(`{ ${'x'.repeat(101)}: __typename }`)).toMatch(/has 101 characters; at most 100 are allowed/)
      expect(await refused(`{ ...F } fragment F on Query { apps { ${'x'.repeat(60_000)}: id } }`)).toMatch(/has 60000 characters; at most 100 are allowed/)
    })

    test('two thousand lines are the most, of whatever kind', async () => {
      for (const end of ['\n', '\r', '\r\n']) {
        await allowed(`{${end.repeat(1_998)}__typename }`)
        expect(await refused(`{${end.repeat(2_000)}__typename }`)).toMatch(/at most 2000 are allowed/)
      }
      expect(await refused(`{ app(slug: """${'\n'.repeat(30_000)}""") { id } }`)).toMatch(/more than 2000 lines/)
    })

    test('introspection is read once, five types at a time, with few aliases and not in circles', async () => {
      const type = (index: number): string => `t${index}: __type(name: "App") { name }`
      await allowed(`{ __schema { queryType { name } } ${many(5, type)} }`)
      expect(await refused('{ __schema { queryType { name } } b: __schema { queryType { name } } }')).toMatch(/has 2 fields __schema; at most 1 is allowed/)
      expect(await refused('{ ...F ...F } fragment F on Query { __schema { queryType { name } } }')).toMatch(/2 fields __schema/)
      expect(await refused(`{ ${many(6, type)} }`)).toMatch(/has 6 fields __type; at most 5 are allowed/)
      const inside = (count: number): string => `{ __schema { ${many(count, (index) => `a${index}: types { name }`)} } }`
      await allowed(inside(5))
      expect(await refused(inside(6))).toMatch(/has 6 aliases inside introspection; at most 5 are allowed/)
      expect(await refused('{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }')).toMatch(/introspection depth/i)
    })

    test('a list has at most a hundred items, in literals and in variables', async () => {
      const items = (count: number): string[] => Array(count).fill('ACTIVE')
      const literal = (count: number): string => `{ apiKeys(filter: { status: [${items(count).join(' ')}] }) { totalCount } }`
      const query = 'query ($filter: ApiKeyFilter) { apiKeys(filter: $filter) { totalCount } }'
      await allowed(literal(100))
      await allowed(query, { filter: { status: items(100) } })
      for (const [text, variables] of [
        [literal(101), {}],
        [query, { filter: { status: items(6_000) } }],
        [`query ($filter: ApiKeyFilter = { status: [${items(101).join(' ')}] }) { apiKeys(filter: $filter) { totalCount } }`, {}],
      ] as const) {
        expect(await refused(text, variables, 'BAD_USER_INPUT')).toBe('status: may have at most 100 items')
      }
      const wrong = await ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array(12_000).fill(true) })
      expect(wrong.errors).toHaveLength(10)
      expect(wrong.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'ids' })
    })

    test('an answer has at most twenty errors, and the last one says that there are more', async () => {
      const unknown = await ask(`{ ${many(900, (index) => `unknown${index}`)} }`)
      expect(unknown.errors).toHaveLength(20)
      expect(unknown.errors?.at(-1)?.message).toMatch(/too many/i)
      const failing = (count: number) => ask(`{ ${many(count, (index) => `a${index}: members(after: "junk") { edges { cursor } }`)} }`)
      expect((await failing(20)).errors?.map(({ message }) => message)).not.toContainEqual(expect.stringMatching(/left out/))
      const { errors = [] } = await failing(30)
      expect(errors).toHaveLength(20)
      expect(errors.at(-1)?.message).toMatch(/^11 more errors are left out/)
      expect(codesOf({ errors })).toEqual(Array(20).fill('BAD_USER_INPUT'))
    })

    test('a refusal does not repeat the document, however long its names are', async () => {
      const long = 'x'.repeat(55_000)
      const around = many(60, (index) => `fragment ${'y'.repeat(200)}${index} on Query { ...${'y'.repeat(200)}${(index + 1) % 60} ...${'y'.repeat(200)}0 }`)
      for (const query of [
        `query ${long} { ${many(20, (index) => `a${index}: app(slug: $v${index}) { id }`)} }`,
        `{ ${long} ${long}y }`,
        `{ ...${'y'.repeat(200)}0 } ${around}`,
        `{ apiKeys(filter: { ${long}: { search: "\\u0000", ${many(20, (index) => `s${index}: "\\u0000"`)} } }) { totalCount } }`,
      ]) {
        const answer = await ask(query)
        expect(answer.errors?.length).toBeGreaterThan(0)
        expect(JSON.stringify(answer).length, query.slice(0, 100)).toBeLessThan(50_000)
      }
    })
  })
}

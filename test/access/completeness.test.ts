import { extendSchema, type GraphQLObjectType, parse } from 'graphql'
import { expect, test } from 'vitest'
import { createSchema, rules } from '../../src/api/schema.ts'
import { builder } from '../../src/graphql/builder.ts'
import { analyse } from '../../src/graphql/shareable.ts'
import { rootFields, schema, table } from './table.ts'

let ran = 0
// Three root fields that nobody wrote a rule for, in the schema that the server builds.
builder.queryField('dummyQuery', (t) => t.int({ nullable: true, resolve: () => ++ran }))
builder.mutationField('dummyMutation', (t) => t.int({ nullable: true, resolve: () => ++ran }))
builder.subscriptionField('dummySubscription', (t) =>
  t.field({
    type: 'Int',
    nullable: true,
    subscribe: async function* () {
      yield ++ran
    },
    resolve: (value) => value as number,
  }),
)
const { schema: guarded, unguarded } = createSchema()
const dummies = ['Mutation.dummyMutation', 'Query.dummyQuery', 'Subscription.dummySubscription']

test('AZ-09 a root field that is added without a rule or a line of the table fails both checks', () => {
  const ruled = Object.entries(rules).flatMap(([type, fields]) => Object.keys(fields).map((field) => `${type}.${field}`))
  expect(rootFields(guarded).filter((field) => !ruled.includes(field))).toEqual(dummies)
  expect(rootFields(guarded).filter((field) => !table[field])).toEqual(dummies)
  expect(rootFields(schema).filter((field) => !ruled.includes(field) || !table[field])).toEqual([])
})

test('AZ-09 a root field without a rule is denied to the owner of the organization, and does not run', async () => {
  const context = { actor: { role: 'OWNER' } }
  const run = async (type: GraphQLObjectType | null | undefined, name: string, entry: 'resolve' | 'subscribe'): Promise<unknown> => {
    const call = type?.getFields()[name]?.[entry] as ((...parameters: unknown[]) => unknown) | undefined
    if (!call) throw new Error(`${name} has no ${entry}`)
    return Promise.resolve()
      .then(() => call({}, {}, context, { parentType: type, fieldName: name }))
      .catch((error: { extensions?: { code: string } }) => error.extensions?.code)
  }
  const code = (answer: unknown): unknown => (answer as { extensions?: { code: string } } | undefined)?.extensions?.code ?? answer
  expect(code(await run(guarded.getQueryType(), 'dummyQuery', 'resolve'))).toBe('FORBIDDEN')
  expect(code(await run(guarded.getMutationType(), 'dummyMutation', 'resolve'))).toBe('FORBIDDEN')
  expect(code(await run(guarded.getSubscriptionType(), 'dummySubscription', 'subscribe'))).toBe('FORBIDDEN')
  expect(ran).toBe(0)
  expect(code(await run(unguarded.getQueryType(), 'dummyQuery', 'resolve'))).not.toBe('FORBIDDEN')
})

test('AZ-09 a field that is added to an object or an interface, which have no rules, is shared with nobody until it is listed', () => {
  const extended = extendSchema(
    schema,
    parse(`
      extend interface Node { dummy: Int }
      ${['ApiKey', 'App', 'AppInstance', 'Event', 'Member', 'Organization', 'Secret'].map((type) => `extend type ${type} { dummy: Int }`).join('\n')}
      extend type KeyCounts { dummy: Int }
    `),
  )
  const isShareable = (selection: string, more = ''): boolean => analyse(extended, parse(`subscription { ${selection} } ${more}`)).isShareable
  expect(isShareable('keyCounts { total }')).toBe(true)
  expect(isShareable('apiKeyChanged { apiKey { id } }')).toBe(true)
  expect(isShareable('keyCounts { total dummy }')).toBe(false)
  expect(isShareable('apiKeyChanged { apiKey { id dummy } }')).toBe(false)
  expect(isShareable('apiKeyChanged { apiKey { ... on Node { dummy } } }')).toBe(false)
  expect(isShareable('apiKeyChanged { apiKey { ...N } }', 'fragment N on Node { dummy }')).toBe(false)
})

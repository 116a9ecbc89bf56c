import { type ExecutionResult, parse, subscribe } from 'graphql'
import { createSchema } from 'graphql-yoga'
import { expect, test } from 'vitest'
import { mayReadAuditLog } from '../../src/access/rights.ts'
import { guardSubscriptions } from '../../src/graphql/guard.ts'
import { deny, requires } from '../../src/graphql/rules.ts'

let opened = 0
const schema = () =>
  createSchema({
    typeDefs: 'type Query { a: Int } type Subscription { denied: Int owners: Int unlisted: Int }',
    resolvers: {
      Subscription: Object.fromEntries(
        ['denied', 'owners', 'unlisted'].map((name) => [
          name,
          {
            subscribe: async function* () {
              opened++
              yield { [name]: 1 }
            },
          },
        ]),
      ),
    },
  })
const open = async (field: string, role: string): Promise<string> => {
  const guarded = guardSubscriptions(schema(), { denied: deny, owners: requires(mayReadAuditLog) })
  const result = await subscribe({ schema: guarded, document: parse(`subscription { ${field} }`), contextValue: { actor: { role } } })
  if (Symbol.asyncIterator in result) {
    await result.next()
    return 'open'
  }
  return String((result as ExecutionResult).errors?.[0]?.extensions['code'])
}

test('EV-01 a subscription whose rule denies, or that has no rule, never opens its source', async () => {
  for (const [field, role] of [
    ['denied', 'OWNER'],
    ['owners', 'MEMBER'],
    ['unlisted', 'OWNER'],
  ] as const) {
    opened = 0
    expect([await open(field, role), opened]).toEqual(['FORBIDDEN', 0])
  }
  expect([await open('owners', 'AURA_OWNER'), opened]).toEqual(['open', 1])
})

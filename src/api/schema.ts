import type { GraphQLSchema } from 'graphql'
import { appRules } from '../apps/rules.ts'
import { forbidden } from '../errors.ts'
import { eventRules } from '../events/rules.ts'
import { builder } from '../graphql/builder.ts'
import { guardSubscriptions } from '../graphql/guard.ts'
import { paceSchema } from '../graphql/pace.ts'
import { applyMiddleware, deny, type Rules, shield } from '../graphql/rules.ts'
import { instanceRules } from '../instances/rules.ts'
import { keyRules } from '../keys/rules.ts'
import { memberRules } from '../members/rules.ts'
import { organizationRules } from '../organizations/rules.ts'
import { secretRules } from '../secrets/rules.ts'
import { nodeRules } from './nodes.ts'
import '../graphql/scalars.ts'
import '../organizations/schema.ts'
import '../members/schema.ts'
import '../members/queries.ts'
import '../members/mutations.ts'
import '../apps/schema.ts'
import '../apps/mutations.ts'
import '../instances/schema.ts'
import '../instances/mutations.ts'
import '../keys/schema.ts'
import '../keys/queries.ts'
import '../keys/mutations.ts'
import '../keys/subscriptions.ts'
import '../secrets/schema.ts'
import '../secrets/mutations.ts'
import '../events/schema.ts'
import '../events/queries.ts'
import '../events/subscriptions.ts'

const features: readonly Rules[] = [organizationRules, appRules, instanceRules, memberRules, keyRules, secretRules, eventRules, nodeRules]

/** One rule for each root field; a field without one is denied. */
export const rules = {
  Query: Object.assign({}, ...features.map(({ Query }) => Query)) as NonNullable<Rules['Query']>,
  Mutation: Object.assign({}, ...features.map(({ Mutation }) => Mutation)) as NonNullable<Rules['Mutation']>,
  Subscription: Object.assign({}, ...features.map(({ Subscription }) => Subscription)) as NonNullable<Rules['Subscription']>,
} satisfies Rules

/**
 * Returns the schema with rules: shield around every root field's `resolve`, the same rules around `subscribe`. And the schema without rules,
 * which executes subscription responses for many clients at once: each client passed the rules and the hub's checks before.
 */
export function createSchema(): { schema: GraphQLSchema; unguarded: GraphQLSchema } {
  const unguarded = paceSchema(builder.toSchema())
  const guards = shield(
    { Query: { '*': deny, ...rules.Query }, Mutation: { '*': deny, ...rules.Mutation }, Subscription: { '*': deny, ...rules.Subscription } },
    { allowExternalErrors: true, fallbackError: forbidden() },
  ).generate(unguarded) as Readonly<Record<string, unknown>>
  // Only shield's root types: it also wraps every other field in promises, and a large response had a million of them.
  const guarded = applyMiddleware(unguarded, Object.fromEntries(Object.keys(rules).map((root) => [root, guards[root]])))
  return { schema: guardSubscriptions(guarded, rules.Subscription), unguarded }
}

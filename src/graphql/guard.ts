import type { GraphQLSchema } from 'graphql'
import { forbidden } from '../errors.ts'
import type { Rule } from './rules.ts'

/** Checks each subscription's rule before `subscribe`: shield wraps only `resolve`, so a denied source would still open. */
export function guardSubscriptions(schema: GraphQLSchema, rules: Readonly<Record<string, Rule>>): GraphQLSchema {
  for (const [name, field] of Object.entries(schema.getSubscriptionType()?.getFields() ?? {})) {
    const open = field.subscribe
    if (!open) throw new Error(`the subscription ${name} has no source`)
    const rule = rules[name] as { resolve(...parameters: unknown[]): Promise<unknown> } | undefined
    field.subscribe = async (parent, arguments_, context, info) => {
      if ((await rule?.resolve(parent, arguments_, context, info, {})) !== true) throw forbidden()
      return open(parent, arguments_, context, info)
    }
  }
  return schema
}

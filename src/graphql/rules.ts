import { createRequire } from 'node:module'
import type { GraphQLSchema } from 'graphql'
import type * as Shield from 'graphql-shield'
import type { Actor } from '../access/actor.ts'

// Both as CommonJS: their ES builds fail on Node 23 and newer, and mixing the two breaks `instanceof`.
const require = createRequire(import.meta.url)
const { rule, deny, shield } = require('graphql-shield') as typeof Shield
const { applyMiddleware } = require('graphql-middleware') as {
  applyMiddleware: (schema: GraphQLSchema, middleware: object) => GraphQLSchema
}

export { applyMiddleware, deny, shield }
export type Rule = ReturnType<ReturnType<typeof rule>> | typeof deny

/** The rules of one feature: a line for every root field it declares. */
export interface Rules {
  readonly Query?: Readonly<Record<string, Rule>>
  readonly Mutation?: Readonly<Record<string, Rule>>
  readonly Subscription?: Readonly<Record<string, Rule>>
}

/** Allows actors with the right. `no_cache`: any other cache keeps one decision for a subscription's whole life. */
export const requires = (right: (actor: Actor) => boolean): Rule =>
  rule({ cache: 'no_cache' })((_parent: unknown, _arguments: unknown, { actor }: { actor: Actor }) => right(actor))

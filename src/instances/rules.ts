import { isMember, mayCreateInstances } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const instanceRules: Rules = {
  Query: { instance: requires(isMember) },
  Mutation: { createAppInstance: requires(mayCreateInstances), deleteAppInstance: requires(isMember), setInstanceAccess: requires(isMember) },
}

import { isMember } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const keyRules: Rules = {
  Query: { apiKeys: requires(isMember), apiKey: requires(isMember) },
  Mutation: { createApiKey: requires(isMember), revokeApiKey: requires(isMember), revokeApiKeys: requires(isMember) },
  Subscription: { keyCounts: requires(isMember), keyCountsOf: requires(isMember) },
}

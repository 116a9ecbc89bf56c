import { isMember, type Rules } from '../graphql/rules.ts'

export const keyRules: Rules = {
  Query: { apiKeys: isMember, apiKey: isMember },
  Mutation: { createApiKey: isMember, revokeApiKey: isMember, revokeApiKeys: isMember },
  Subscription: { keyCounts: isMember, keyCountsOf: isMember },
}

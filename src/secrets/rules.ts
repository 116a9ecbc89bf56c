import { isMember } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const secretRules: Rules = {
  Query: { secrets: requires(isMember) },
  Mutation: { saveApiKeyAsSecret: requires(isMember), revealSecret: requires(isMember), deleteSecret: requires(isMember) },
}

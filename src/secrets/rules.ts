import { isMember, type Rules } from '../graphql/rules.ts'

export const secretRules: Rules = {
  Query: { secrets: isMember },
  Mutation: { saveApiKeyAsSecret: isMember, revealSecret: isMember, deleteSecret: isMember },
}

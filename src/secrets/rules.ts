import { isMember, type Rules } from '../access/rules.ts'

export const secretRules: Rules = {
  Query: { secrets: isMember },
  Mutation: { saveApiKeyAsSecret: isMember, revealSecret: isMember, deleteSecret: isMember },
}

import { isMember, isOwner, type Rules } from '../graphql/rules.ts'

export const instanceRules: Rules = {
  Query: { instance: isMember },
  Mutation: { createAppInstance: isOwner, deleteAppInstance: isMember, setInstanceAccess: isMember },
}

import { isMember, mayManageMembers } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const memberRules: Rules = {
  // Instance owners may list members too; which these are, only the rows know.
  Query: { members: requires(isMember) },
  Mutation: { addMember: requires(mayManageMembers), removeMember: requires(mayManageMembers), setMemberRole: requires(mayManageMembers) },
}

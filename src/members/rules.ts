import { isMember, mayManageMembers } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const memberRules: Rules = {
  // Instance owners may list members too; only the rows show who they are.
  Query: { members: requires(isMember) },
  Mutation: { addMember: requires(mayManageMembers), removeMember: requires(mayManageMembers), setMemberRole: requires(mayManageMembers) },
}

import { isMember, isOrganizationOwner, type Rules } from '../graphql/rules.ts'

export const memberRules: Rules = {
  // Instance owners may list members too; which these are, only the rows know.
  Query: { members: isMember },
  Mutation: { addMember: isOrganizationOwner, removeMember: isOrganizationOwner, setMemberRole: isOrganizationOwner },
}

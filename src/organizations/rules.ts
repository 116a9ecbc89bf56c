import { isMember, type Rules } from '../graphql/rules.ts'

export const organizationRules: Rules = { Query: { viewer: isMember } }

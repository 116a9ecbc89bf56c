import { isMember, type Rules } from '../access/rules.ts'

export const organizationRules: Rules = { Query: { viewer: isMember } }

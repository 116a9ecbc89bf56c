import { isMember } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const organizationRules: Rules = { Query: { viewer: requires(isMember) } }

import { isMember, mayCreateApps } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const appRules: Rules = { Query: { apps: requires(isMember), app: requires(isMember) }, Mutation: { createApp: requires(mayCreateApps) } }

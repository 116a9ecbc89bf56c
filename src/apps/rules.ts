import { isMember, isOwner, type Rules } from '../graphql/rules.ts'

export const appRules: Rules = { Query: { apps: isMember, app: isMember }, Mutation: { createApp: isOwner } }

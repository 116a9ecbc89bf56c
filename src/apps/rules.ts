import { isMember, isOwner, type Rules } from '../access/rules.ts'

export const appRules: Rules = { Query: { apps: isMember, app: isMember }, Mutation: { createApp: isOwner } }

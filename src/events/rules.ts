import { isMember, isOwner, type Rules } from '../graphql/rules.ts'

export const eventRules: Rules = { Query: { auditLog: isOwner }, Subscription: { apiKeyChanged: isMember, events: isOwner } }

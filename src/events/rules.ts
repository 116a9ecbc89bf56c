import { isMember, isOwner, type Rules } from '../access/rules.ts'

export const eventRules: Rules = { Query: { auditLog: isOwner }, Subscription: { apiKeyChanged: isMember, events: isOwner } }

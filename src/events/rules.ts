import { isMember, mayReadAuditLog } from '../access/rights.ts'
import { type Rules, requires } from '../graphql/rules.ts'

export const eventRules: Rules = {
  Query: { auditLog: requires(mayReadAuditLog) },
  Subscription: { apiKeyChanged: requires(isMember), events: requires(mayReadAuditLog) },
}

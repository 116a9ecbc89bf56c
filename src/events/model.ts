import { mayUseAllSecrets } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import type { EventKind } from '../generated/prisma/enums.ts'

/** An event after which a member may do more, less or nothing. */
export interface RightsChange {
  kind: 'INSTANCE_ACCESS_CHANGED' | 'MEMBER_REMOVED' | 'MEMBER_ROLE_CHANGED' | 'INSTANCE_DELETED'
  memberId: string | null
  instanceId: string | null
}

/** Kinds that `apiKeyChanged` tells. */
export const keyEventKinds: EventKind[] = ['API_KEY_CREATED', 'API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'API_KEY_SAVED_AS_SECRET']

/** What an event was about, for this viewer: the name of a secret only if they may see all secrets, or acted themselves. */
export function subjectNameFor(scope: Pick<Scope, 'role' | 'memberId'>, event: { kind: EventKind; subjectName: string; actorId: string | null }): string {
  const ofSecret = event.kind === 'SECRET_REVEALED' || event.kind === 'SECRET_DELETED'
  return !ofSecret || mayUseAllSecrets(scope) || event.actorId === scope.memberId ? event.subjectName : 'a secret of another member'
}

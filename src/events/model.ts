import { mayUseAllSecrets } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import type { EventKind } from '../generated/prisma/enums.ts'

/** One event, before it has its version. */
export interface NewEvent {
  kind: EventKind
  /** The current name of its subject. */
  subjectName: string
  /** Null: the server itself. */
  actorId: string | null
  apiKeyId?: string
  instanceId?: string
  appId?: string
  memberId?: string
  secretId?: string
}

/** An event that changes what a member may do. */
export interface RightsChange {
  kind: 'INSTANCE_ACCESS_CHANGED' | 'MEMBER_REMOVED' | 'MEMBER_ROLE_CHANGED' | 'INSTANCE_DELETED'
  memberId: string | null
  instanceId: string | null
}

/** Kinds that `apiKeyChanged` sends. */
export const keyEventKinds = ['API_KEY_CREATED', 'API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'API_KEY_SAVED_AS_SECRET'] satisfies EventKind[]

/** Kinds after which a key may no longer open its instance. */
export const denialKinds: readonly EventKind[] = ['API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'INSTANCE_DELETED', 'MEMBER_REMOVED']

interface KeyOfEvent {
  readonly id: string
  readonly name: string
  readonly instanceId: string
  readonly appId: string
}

/** An event about a key. It includes the key's instance and app: without them their feeds would miss it. */
export const keyEvent = (kind: (typeof keyEventKinds)[number], { id, name, instanceId, appId }: KeyOfEvent, actorId: string | null): NewEvent => ({
  kind,
  subjectName: name,
  actorId,
  apiKeyId: id,
  instanceId,
  appId,
})

/** An event's subject name for this viewer: a secret's name only if they may use all secrets, or acted themselves. */
export function subjectNameFor(scope: Pick<Scope, 'role' | 'memberId'>, event: { kind: EventKind; subjectName: string; actorId: string | null }): string {
  const ofSecret = event.kind === 'SECRET_REVEALED' || event.kind === 'SECRET_DELETED'
  return !ofSecret || mayUseAllSecrets(scope) || event.actorId === scope.memberId ? event.subjectName : 'a secret of another member'
}

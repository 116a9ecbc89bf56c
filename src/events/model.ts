import { mayUseAllSecrets } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import type { EventKind } from '../generated/prisma/enums.ts'

/** One thing that happened, before it has its version. */
export interface NewEvent {
  kind: EventKind
  /** What it was about, as it is called now. */
  subjectName: string
  /** Null: the server itself. */
  actorId: string | null
  apiKeyId?: string
  instanceId?: string
  appId?: string
  memberId?: string
  secretId?: string
}

/** An event after which a member may do more, less or nothing. */
export interface RightsChange {
  kind: 'INSTANCE_ACCESS_CHANGED' | 'MEMBER_REMOVED' | 'MEMBER_ROLE_CHANGED' | 'INSTANCE_DELETED'
  memberId: string | null
  instanceId: string | null
}

/** Kinds that `apiKeyChanged` tells. */
export const keyEventKinds = ['API_KEY_CREATED', 'API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'API_KEY_SAVED_AS_SECRET'] satisfies EventKind[]

/** Kinds after which a key may no longer open its instance. */
export const denialKinds: readonly EventKind[] = ['API_KEY_REVOKED', 'API_KEY_ORPHANED', 'API_KEY_EXPIRED', 'INSTANCE_DELETED', 'MEMBER_REMOVED']

interface KeyOfEvent {
  readonly id: string
  readonly name: string
  readonly instanceId: string
  readonly appId: string
}

/** An event about a key. It names the key's instance and app too: without them the feeds of these would not tell it. */
export const keyEvent = (kind: (typeof keyEventKinds)[number], { id, name, instanceId, appId }: KeyOfEvent, actorId: string | null): NewEvent => ({
  kind,
  subjectName: name,
  actorId,
  apiKeyId: id,
  instanceId,
  appId,
})

/** What an event was about, for this viewer: the name of a secret only if they may see all secrets, or acted themselves. */
export function subjectNameFor(scope: Pick<Scope, 'role' | 'memberId'>, event: { kind: EventKind; subjectName: string; actorId: string | null }): string {
  const ofSecret = event.kind === 'SECRET_REVEALED' || event.kind === 'SECRET_DELETED'
  return !ofSecret || mayUseAllSecrets(scope) || event.actorId === scope.memberId ? event.subjectName : 'a secret of another member'
}

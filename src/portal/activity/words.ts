import type { EventKind } from '../generated/operations.ts'

export const kindNames: Readonly<Record<EventKind, string>> = {
  API_KEY_CREATED: 'Key created',
  API_KEY_EXPIRED: 'Key expired',
  API_KEY_ORPHANED: 'Key orphaned',
  API_KEY_REVOKED: 'Key revoked',
  API_KEY_SAVED_AS_SECRET: 'Key saved as secret',
  APP_CREATED: 'App created',
  INSTANCE_ACCESS_CHANGED: 'Access to instance changed',
  INSTANCE_CREATED: 'Instance created',
  INSTANCE_DELETED: 'Instance deleted',
  MEMBER_ADDED: 'Member added',
  MEMBER_REMOVED: 'Member removed',
  MEMBER_ROLE_CHANGED: 'Role of member changed',
  SECRET_DELETED: 'Secret deleted',
  SECRET_REVEALED: 'Secret revealed',
}

const denials: readonly EventKind[] = ['API_KEY_ORPHANED', 'API_KEY_REVOKED', 'INSTANCE_DELETED', 'MEMBER_REMOVED', 'SECRET_DELETED']

/** Red: something stopped or is gone. Green: something is new. */
export const toneOf = (kind: EventKind) =>
  denials.includes(kind) ? 'red' : /CREATED|ADDED/.test(kind) ? 'green' : kind === 'SECRET_REVEALED' ? 'amber' : 'grey'

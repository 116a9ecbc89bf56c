import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { mayUseAllSecrets, seesEveryRow } from './rights.ts'

declare const built: unique symbol

/** Which rows exist for an actor. Only this file builds one; every root read and every write takes one first. */
export interface Scope {
  readonly [built]: true
  readonly organizationId: string
  readonly memberId: string
  readonly role: OrganizationRole
  /** Whether every row of the organization is in it, those of deleted instances too. It filters rows; what somebody may do, `rights.ts` says. */
  readonly all: boolean
  /** Instances that the actor could see before this operation changed them: its payloads still show them. */
  readonly kept: readonly string[]
}

export const scopeOf = (actor: { organizationId: string; memberId: string; role: OrganizationRole }): Scope =>
  ({
    organizationId: actor.organizationId,
    memberId: actor.memberId,
    role: actor.role,
    all: seesEveryRow(actor),
    kept: [] as readonly string[],
  }) as Scope

/**
 * Every row of the organization, for nobody in particular: what is executed once for all who were each checked before.
 * Reading who asks is a mistake there, and throws.
 */
export function scopeOfAll(organizationId: string): Scope {
  const nobody = (): never => {
    throw new Error('a shared execution is for nobody in particular')
  }
  return {
    organizationId,
    all: true,
    kept: [] as readonly string[],
    get memberId(): string {
      return nobody()
    },
    get role(): OrganizationRole {
      return nobody()
    },
  } as Scope
}

/** The scope of an operation's payloads after it changed an instance that the actor could see: as before the change. */
export const keepInstance = (scope: Scope, instanceId: string): Scope => ({ ...scope, kept: [...scope.kept, instanceId] })

/** Filter on instances: all, or those that still exist and on which the member has a role. */
export const instancesIn = (scope: Scope) =>
  scope.all
    ? { organizationId: scope.organizationId }
    : {
        organizationId: scope.organizationId,
        OR: [{ deletedAt: null, access: { some: { memberId: scope.memberId } } }, ...(scope.kept.length > 0 ? [{ id: { in: [...scope.kept] } }] : [])],
      }

/** Filter on keys: those of the instances in scope. */
export const keysIn = (scope: Scope) =>
  scope.all ? { organizationId: scope.organizationId } : { organizationId: scope.organizationId, instance: instancesIn(scope) }

/** Filter on secrets: all for organization OWNERs, own ones for everybody else. */
export const secretsIn = (scope: Scope) =>
  mayUseAllSecrets(scope) ? { organizationId: scope.organizationId } : { organizationId: scope.organizationId, createdById: scope.memberId }

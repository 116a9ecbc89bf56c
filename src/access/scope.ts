import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { mayUseAllSecrets, seesEveryRow } from './rights.ts'

declare const built: unique symbol

/** The rows that an actor can see. Only this file builds a scope; every root read and every write needs one. */
export interface Scope {
  readonly [built]: true
  readonly organizationId: string
  readonly memberId: string
  readonly role: OrganizationRole
  /** Whether it contains every row of the organization, including deleted instances. It only filters rows; `rights.ts` defines the rights. */
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

class ScopeOfAll {
  readonly organizationId: string
  readonly all = true
  readonly kept: readonly string[] = []
  constructor(organizationId: string) {
    this.organizationId = organizationId
  }
  get memberId(): string {
    throw new Error('a shared execution is for nobody in particular')
  }
  get role(): OrganizationRole {
    throw new Error('a shared execution is for nobody in particular')
  }
}

/**
 * Every row of the organization, without an actor: for executions that many clients share, after each was checked.
 * Reading the actor there is a mistake, and throws.
 */
export const scopeOfAll = (organizationId: string): Scope => new ScopeOfAll(organizationId) as unknown as Scope

/** The scope for an operation's payloads: an instance that it changed stays visible as before the change. */
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

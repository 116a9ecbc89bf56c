import type { Scope } from '../access/scope.ts'
import type { InstanceRole } from '../generated/prisma/enums.ts'

/** Whether the actor may delete the instance and grant roles on it. */
export const mayControl = (scope: Pick<Scope, 'all'>, instanceRole: InstanceRole | null): boolean => scope.all || instanceRole === 'OWNER'

import type { Scope } from '../access/scope.ts'
import type { Place, Places } from '../crypto/seal.ts'
import { badInput } from '../errors.ts'

/** How long a `saveToken` is valid. */
export const saveTokenMs = 15 * 60 * 1000

/** 1 to 64 of A-Z a-z 0-9 _; else throws BAD_USER_INPUT on `field`. */
export function parseSecretName(field: string, text: string): string {
  if (!/^[A-Za-z0-9_]{1,64}$/.test(text)) throw badInput(field, 'must have 1 to 64 of A-Z, a-z, 0-9 and _')
  return text
}

/** What a secret's value is bound to: in format 2 every column that decides who may read it, in format 1 all of these but the creator. */
export const placesOf = ({ organizationId, id, version, createdById }: Placed): Places => ({
  1: [organizationId, id, version],
  2: [organizationId, id, version, createdById],
})

interface Placed {
  organizationId: string
  id: string
  version: number
  createdById: string
}

/** What a save token is bound to: no other member can use it, not for another key, and not for longer. */
export const tokenPlace = (scope: Pick<Scope, 'organizationId' | 'memberId'>, keyId: string, end: number): Place => [
  scope.organizationId,
  scope.memberId,
  keyId,
  end,
]

import { badInput, conflict } from '../errors.ts'
import type { OrganizationRole } from '../generated/prisma/enums.ts'
import { parseName } from '../names.ts'

export interface NewMember {
  /** The `sub` of their tokens, compared exactly. */
  subject: string
  name: string
  email?: string | null | undefined
  role: OrganizationRole
}

/** Whether a member can have this `sub`. */
export const isSubject = (text: string): boolean => /^[\x21-\x7e]{1,255}$/.test(text)

/** Returns what is stored for a new member; throws BAD_USER_INPUT with the field. */
export function parseMember(input: NewMember): Omit<NewMember, 'email'> & { email: string | null } {
  if (!isSubject(input.subject)) throw badInput('subject', 'must have 1 to 255 printable ASCII characters without spaces')
  const email = input.email ?? null
  if (email !== null && !/^[^\s@]{1,64}@[^\s@]{1,255}$/.test(email)) throw badInput('email', 'must be an address such as ada@example.com')
  return { subject: input.subject, name: parseName('name', input.name), email, role: input.role }
}

/** Throws CONFLICT for the last owner of the organization; `owners`: how many there are now. */
export function requireOtherOwner(owners: number): void {
  if (owners <= 1) throw conflict('The last OWNER of an organization stays. Make somebody else an OWNER first.', 'id')
}

import { Prisma } from '../generated/prisma/client.ts'
import type { Connection } from './client.ts'
import { timeouts } from './sessions.ts'

const settings = (statementMs: number): Prisma.Sql =>
  Prisma.join(Object.entries(timeouts(statementMs)).map(([name, value]) => Prisma.sql`set_config(${name}, ${value}, true)`))

/** Sets the timeouts for one transaction, over those of its session. */
export const setLocally = (inside: Connection, statementMs: number): Promise<unknown> => inside.run(Prisma.sql`SELECT ${settings(statementMs)}`)

/** Locks the organization for a change, under these timeouts; returns false if it is missing. */
export const lockOrganization = async (inside: Connection, id: string, statementMs: number): Promise<boolean> => {
  // The settings are in force before the row is locked, in the same statement: PostgreSQL neither drops nor moves a subquery with side effects.
  const locked = await inside.run(Prisma.sql`
    SELECT 1 FROM (SELECT ${settings(statementMs)}) AS settings, organization WHERE id = ${id} FOR NO KEY UPDATE OF organization`)
  return locked.length > 0
}

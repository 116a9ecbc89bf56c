import type { Client } from './client.ts'

/** The settings do not match what the database holds. */
export class WrongDatabase extends Error {
  override readonly name = 'WrongDatabase'
}

/** The secrets whose fingerprints the database keeps, and the settings that hold them. */
export const guarded = { pepper: 'KEY_PEPPER', kek: 'SECRETS_KEK' } as const
export type Guarded = keyof typeof guarded

/** The fingerprints that this database was used with before. */
export async function knownFingerprints(client: Client): Promise<ReadonlyMap<string, string>> {
  const rows = await client.setting.findMany({ where: { name: { in: Object.keys(guarded) } }, select: { name: true, value: true } })
  return new Map(rows.map(({ name, value }) => [name, value]))
}

/**
 * Throws `WrongDatabase` if rows need a secret that is not configured (they would look altered, or wrong), or if none of the configured ones
 * was used here before. `configured`: fingerprints, the current one first; `used`: those that rows need.
 */
export async function requireFingerprint(client: Client, name: Guarded, configured: readonly string[], used: readonly string[]): Promise<void> {
  const current = configured[0] ?? ''
  const known = (await knownFingerprints(client)).get(name)
  const missing = used.filter((id) => !configured.includes(id))
  if (missing.length > 0 || (known !== undefined && !configured.includes(known))) {
    const setting = guarded[name]
    throw new WrongDatabase(`${setting} is not the one that this database was used with. Put the old one back, or add it after a comma: ${setting}=new,old`)
  }
  // Two nodes may start at once on a new database.
  if (known === undefined) await client.setting.upsert({ where: { name }, create: { name, value: current }, update: { value: current } })
}

/** Stores which secret this database is written with now, if that changed: a node that starts later needs it. */
export async function rememberFingerprint(client: Client, name: Guarded, value: string): Promise<void> {
  await client.setting.updateMany({ where: { name, value: { not: value } }, data: { value } })
}

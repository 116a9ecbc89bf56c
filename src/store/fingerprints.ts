import type { Client } from './client.ts'

/** What the settings say does not fit what the database holds. */
export class WrongDatabase extends Error {
  override readonly name = 'WrongDatabase'
}

/** Refuses to go on while an ACTIVE key has a digest under a pepper that is not configured: it would look like a wrong key. */
export async function requirePeppers(client: Client, keys: { pepperIds(): Promise<string[]> }, configured: readonly string[]): Promise<void> {
  const current = configured[0] ?? ''
  const known = await client.setting.findUnique({ where: { name: 'pepper' }, select: { value: true } })
  const missing = (await keys.pepperIds()).filter((id) => !configured.includes(id))
  if (missing.length > 0 || (known && !configured.includes(known.value))) {
    throw new WrongDatabase(
      'KEY_PEPPER is not the one that the keys of this database were made with. Put the old one back, or add it after a comma: KEY_PEPPER=new,old',
    )
  }
  if (known?.value !== current)
    await client.setting.upsert({ where: { name: 'pepper' }, create: { name: 'pepper', value: current }, update: { value: current } })
}

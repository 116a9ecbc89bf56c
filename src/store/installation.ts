import { randomBytes } from 'node:crypto'
import type { Client } from './client.ts'

/** An id of this installation, made once and the same on all nodes. Cookies have it in their name, since they ignore ports. */
export async function installationId(client: Client): Promise<string> {
  const name = 'installation'
  await client.setting.createMany({ data: [{ name, value: randomBytes(4).toString('hex') }], skipDuplicates: true })
  return (await client.setting.findUniqueOrThrow({ where: { name }, select: { value: true } })).value
}

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { createApp } from '../../../src/apps/create-app.ts'
import { compose } from '../../../src/compose.ts'
import { loadConfig } from '../../../src/config.ts'
import { formatKey } from '../../../src/crypto/key-format.ts'
import { newId } from '../../../src/ids.ts'
import { createAppInstance } from '../../../src/instances/create-app-instance.ts'
import { bootstrapOrganization } from '../../../src/organizations/bootstrap-organization.ts'
import { createEnvironment } from '../environment.ts'
import type { Server } from '../processes.ts'

/** An organization with keys in a database of its own, and servers on it. */
export interface Place {
  /** The texts of the keys, one a line. */
  readonly file: string
  readonly count: number
  readonly instanceId: string
  /** The database's URL; empty for the embedded one. */
  readonly url: string
  /** Ids and texts of keys that are there to be revoked, beside the others. */
  readonly doomed: readonly { readonly id: string; readonly text: string }[]
  readonly authorization: string
  start(more?: Record<string, string>): Promise<Server>
  /** Revokes one of the doomed keys by SQL, as another node would. */
  deny(): Promise<void>
  close(): Promise<void>
}

const batch = 50_000

/** A key that nobody made. */
export const newKey = (): { id: string; text: string } => {
  const id = newId('key')
  return { id, text: formatKey(id, randomBytes(32)).expose() }
}

/** On PostgreSQL at `postgresUrl`, or on the embedded database where that is null. Keys are made by SQL: making them is not what is measured. */
export async function createPlace(postgresUrl: string | null, count: number, doomedCount = 1_000): Promise<Place> {
  const environment = await createEnvironment(postgresUrl)
  const { url, settings } = environment
  const app = await compose(loadConfig(settings))
  const { ports, database } = app
  const ids = await bootstrapOrganization(ports, { slug: 'bench', name: 'Bench', owner: { subject: 'owner', name: 'Owner' } })
  const actor = { ...ids, subject: 'owner', role: 'OWNER' as const, organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }
  const { appId } = await createApp(ports, actor, { slug: 'app', name: 'app' })
  const { instanceId } = await createAppInstance(ports, actor, { appId, name: 'instance' })
  const insert = async (keys: readonly { id: string; text: string }[]): Promise<void> => {
    const list = keys.map(({ id }) => id).join()
    const digests = keys.map(({ text }) => {
      const { digest } = ports.digests.digest({ expose: () => text } as never)
      return Buffer.from(digest).toString('hex')
    })
    await database.client.$executeRawUnsafe(
      `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
       SELECT id, $2, $3, $4, $5, 'benched', 'aura_0000…0000', now(), now() + interval '30 days' FROM unnest(string_to_array($1, ',')) id`,
      ...[list, ids.organizationId, appId, instanceId, ids.memberId],
    )
    await database.client.$executeRawUnsafe(
      "INSERT INTO key_digest (key_id, pepper_id, digest) SELECT id, $3, decode(hex, 'hex') FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) d(id, hex)",
      ...[list, digests.join(), ports.digests.currentId],
    )
  }
  const file = join(environment.folder, 'keys')
  writeFileSync(file, '')
  for (let made = 0; made < count; made += batch) {
    const keys = Array.from({ length: Math.min(batch, count - made) }, newKey)
    await insert(keys)
    writeFileSync(file, keys.map(({ text }) => `${text}\n`).join(''), { flag: 'a' })
  }
  const doomed = Array.from({ length: doomedCount }, newKey)
  await insert(doomed)
  await app.close()
  const sql = url ? new Client({ connectionString: url }) : null
  await sql?.connect()
  await sql?.query('VACUUM ANALYZE')
  let denied = 0
  return {
    file,
    count,
    instanceId,
    url,
    doomed,
    authorization: await environment.authorization('owner', 'bench'),
    start: environment.start,
    deny: async () => {
      const result = await sql?.query('UPDATE api_key SET revoked_at = now(), revoked_by_id = created_by_id WHERE id = $1', [doomed[denied++]?.id])
      if (result?.rowCount !== 1) throw new Error('no key is left to revoke')
    },
    close: async () => {
      await sql?.end()
      await environment.remove()
    },
  }
}

// The limit of creating a key: everything that this server writes, in one statement, which is a transaction of its own. The row of the
// organization is locked by its UPDATE, so the changes of one organization happen one after the other, as here.
import { createHmac, randomBytes } from 'node:crypto'
import { formatKey, keyHint } from '../../../dist/crypto/key-format.js'
import { searchable } from '../../../dist/folding.js'
import { newId } from '../../../dist/ids.js'
import { pool } from './checked.mjs'

const day = 86_400_000
const pepper = randomBytes(32)

/** The values of a new key's columns, and its text. */
export function newKey({ organizationId, memberId }, { instanceId, name, expiresInDays }) {
  const id = newId('key')
  const text = formatKey(id, randomBytes(32))
  const hint = keyHint(text)
  const { folded, trigrams } = searchable(name, hint)
  const now = Date.now()
  const plaintext = text.expose()
  return {
    id,
    plaintext,
    columns: [id, organizationId, instanceId, memberId, name, hint, new Date(now), new Date(now + expiresInDays * day), folded, trigrams],
    digest: createHmac('sha256', pepper).update(plaintext).digest(),
  }
}

export const statement = `WITH moved AS (
  UPDATE organization SET version = version + 1 WHERE id = $2 RETURNING version
), key AS (
  INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, folded, trigrams)
  SELECT $1, $2, i.app_id, i.id, $4, $5, $6, $7, $8, $9, $10 FROM app_instance i, moved WHERE i.id = $3 AND i.organization_id = $2 AND i.deleted_at IS NULL
  RETURNING id, app_id
), digest AS (
  INSERT INTO key_digest (key_id, pepper_id, digest) SELECT id, 'bench', $11 FROM key
) INSERT INTO event (id, organization_id, version, kind, occurred_at, actor_id, subject_name, api_key_id, instance_id, app_id)
  SELECT $12, $2, moved.version, 'API_KEY_CREATED', $7, $4, $5, key.id, $3, key.app_id FROM moved, key`

/** Creates a key, and returns what a client gets. */
export async function createInOneStatement(member, input) {
  const { id, plaintext, columns, digest } = newKey(member, input)
  const { rowCount } = await pool.query({ name: 'create', text: statement, values: [...columns, digest, newId('evt')] })
  if (rowCount !== 1) throw new Error('nothing was created')
  return { plaintext, apiKey: { id } }
}

// A server's inside that kills itself (kill -9) after so many SQL statements of one change. Run by crash.test.ts, on the built program.

import { createApp } from '../../dist/apps/create-app.js'
import { compose } from '../../dist/compose.js'
import { loadConfig } from '../../dist/config.js'
import { parseKey } from '../../dist/crypto/key-format.js'
import { createAppInstance } from '../../dist/instances/create-app-instance.js'
import { deleteAppInstance } from '../../dist/instances/delete-app-instance.js'
import { createApiKey } from '../../dist/keys/create-api-key.js'
import { addMember } from '../../dist/members/add-member.js'
import { removeMember } from '../../dist/members/remove-member.js'
import { bootstrapOrganization } from '../../dist/organizations/bootstrap-organization.js'
import { revealSecret } from '../../dist/secrets/reveal-secret.js'
import { decide } from '../../dist/verification/decide.js'

const { round, operation, point, keys, shown } = JSON.parse(process.argv[2])
let left = Number.POSITIVE_INFINITY
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const onStatement = () => {
  left--
  if (left <= 0) process.kill(process.pid, 'SIGKILL')
}
const app = await compose(loadConfig(), { log: silent, onStatement })
const { ports, database } = app
const sql = (text, ...values) => database.client.$queryRawUnsafe(text, ...values)

/** What contradicts itself in the database, by name. */
async function problems() {
  const checks = {
    'a key without its secret, or a secret without its key': `
      SELECT 1 FROM api_key k FULL JOIN secret s ON s.api_key_id = k.id WHERE (k.name LIKE 'save-%' AND s.id IS NULL) OR (s.id IS NOT NULL AND k.id IS NULL)`,
    'a saved key without its two events': `
      SELECT 1 FROM api_key k WHERE k.name LIKE 'save-%' AND (SELECT count(*) FROM event e WHERE e.api_key_id = k.id AND e.kind IN ('API_KEY_CREATED', 'API_KEY_SAVED_AS_SECRET')) <> 2`,
    'a deleted instance with keys that are no orphans, or orphans in one that is not': `
      SELECT 1 FROM api_key k JOIN app_instance i ON i.id = k.instance_id WHERE i.name LIKE 'doomed-%' AND (i.deleted_at IS NULL) <> (k.orphan_reason IS NULL)`,
    'a deletion without an event for each key': `
      SELECT 1 FROM app_instance i WHERE i.name LIKE 'doomed-%' AND (SELECT count(*) FROM event e WHERE e.instance_id = i.id AND e.kind IN ('INSTANCE_DELETED', 'API_KEY_ORPHANED'))
        <> CASE WHEN i.deleted_at IS NULL THEN 0 ELSE 1 + (SELECT count(*) FROM api_key k WHERE k.instance_id = i.id) END`,
    'a removed member with keys that are no orphans, or orphans of one who is there': `
      SELECT 1 FROM api_key k JOIN member m ON m.id = k.created_by_id WHERE m.name LIKE 'leaver-%' AND (m.removed_at IS NULL) <> (k.orphan_reason IS NULL)`,
    'a removal without its event, or without one for each key': `
      SELECT 1 FROM member m JOIN api_key k ON k.created_by_id = m.id
        LEFT JOIN (SELECT api_key_id, count(*)::int AS n FROM event WHERE kind = 'API_KEY_ORPHANED' GROUP BY api_key_id) o ON o.api_key_id = k.id
        LEFT JOIN (SELECT member_id, count(*)::int AS n FROM event WHERE kind = 'MEMBER_REMOVED' GROUP BY member_id) r ON r.member_id = m.id
      WHERE m.name LIKE 'leaver-%' AND (coalesce(o.n, 0), coalesce(r.n, 0)) <> CASE WHEN m.removed_at IS NULL THEN (0, 0) ELSE (1, 1) END`,
    'a deletion with two events for one key': `
      SELECT 1 FROM event WHERE kind = 'API_KEY_ORPHANED' GROUP BY api_key_id HAVING count(*) > 1`,
    'a key without its digest, or a digest without its key': `
      SELECT 1 FROM api_key k FULL JOIN key_digest d ON d.key_id = k.id WHERE k.id IS NULL OR (d.key_id IS NULL AND k.name <> 'bulk')`,
    'a create that is not remembered, or remembered and not there': `
      SELECT 1 FROM (SELECT * FROM api_key WHERE name ~ '^save-[0-9]+$') k FULL JOIN idempotent_create r ON r.api_key_id = k.id
      WHERE k.id IS NULL OR r.api_key_id IS NULL OR k.name <> 'save-' || r.key`,
    'versions with gaps': `
      SELECT 1 FROM organization o WHERE o.version <> (SELECT count(*) FROM event e WHERE e.organization_id = o.id) OR o.version <> (SELECT max(version) FROM event e WHERE e.organization_id = o.id)`,
    'counts of the organization, an app or an instance that are not the counts': `
      SELECT 1 FROM key_count c FULL JOIN (
        SELECT s.id, count(*) FILTER (WHERE status = 'ACTIVE')::int AS active, count(*) FILTER (WHERE status = 'EXPIRED')::int AS expired,
          count(*) FILTER (WHERE status = 'ORPHANED')::int AS orphaned, count(*) FILTER (WHERE status = 'REVOKED')::int AS revoked
        FROM (SELECT organization_id AS id, status FROM api_key UNION ALL SELECT app_id, status FROM api_key UNION ALL SELECT instance_id, status FROM api_key) s GROUP BY s.id
      ) r ON r.id = c.subject_id
      WHERE (c.active, c.expired, c.orphaned, c.revoked) IS DISTINCT FROM (coalesce(r.active, 0), coalesce(r.expired, 0), coalesce(r.orphaned, 0), coalesce(r.revoked, 0))`,
  }
  const found = []
  for (const [name, query] of Object.entries(checks)) if ((await sql(query)).length > 0) found.push(name)
  return found
}

const [known] = await sql("SELECT m.id AS member, m.organization_id AS organization FROM member m WHERE m.role = 'OWNER' LIMIT 1")
const ids = known
  ? { memberId: known.member, organizationId: known.organization }
  : await bootstrapOrganization(ports, { slug: 'crash', name: 'Crash', owner: { subject: 'owner', name: 'Owner' } })
const actor = { ...ids, subject: 'owner', role: 'OWNER', organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }

const [{ revealed }] = await sql("SELECT count(*)::int AS revealed FROM event WHERE kind = 'SECRET_REVEALED'")
/** The rounds whose change is there. */
const done = await sql(`
  SELECT replace(name, 'save-', '')::int AS round FROM api_key WHERE name ~ '^save-[0-9]+$'
  UNION ALL SELECT replace(name, 'doomed-', '')::int FROM app_instance WHERE name LIKE 'doomed-%' AND deleted_at IS NOT NULL
  UNION ALL SELECT replace(name, 'leaver-', '')::int FROM member WHERE name LIKE 'leaver-%' AND removed_at IS NOT NULL
  UNION ALL SELECT DISTINCT replace(subject_name, 'reveal_', '')::int FROM event WHERE kind = 'SECRET_REVEALED'`)
/** What a gateway is told, by the database alone. */
async function codeOf({ key, instanceId }) {
  const { keyId, plaintext } = parseKey(key)
  const [record] = await app.verification.records([keyId])
  const matches = record && ports.digests.matches(plaintext, record.pepperId, record.digest)
  return matches ? decide(record, instanceId, new Date()) : 'NOT_FOUND'
}
const codes = []
for (const each of shown) codes.push(await codeOf(each))
console.log(JSON.stringify({ problems: await problems(), revealed, codes, done: done.map((row) => row.round) }))
if (operation === 'check') {
  await app.close()
  process.exit(0)
}

const [found] = await sql('SELECT id FROM app LIMIT 1')
const appId = found ? found.id : (await createApp(ports, actor, { slug: 'app', name: 'App' })).appId
const instance = async (name) => (await createAppInstance(ports, actor, { appId, name })).instanceId
const insertKeys = (instanceId, createdById, count) =>
  sql(
    `WITH made AS (INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at)
      SELECT 'key_' || md5($2::text || n::text), $1, $3, $2, $4, 'bulk', 'hint', now(), now() + interval '30 days' FROM generate_series(1, $5::int) n RETURNING 1)
     SELECT count(*) FROM made`,
    ids.organizationId,
    instanceId,
    appId,
    createdById,
    count,
  )

const operations = {
  'create and save': async () => {
    const instanceId = await instance('saving')
    return () =>
      createApiKey(ports, actor, { instanceId, name: `save-${round}`, expiresInDays: 9, saveAsSecret: { name: `save_${round}` }, idempotencyKey: `${round}` })
  },
  'delete an instance': async () => {
    const id = await instance(`doomed-${round}`)
    const { plaintext } = await createApiKey(ports, actor, { instanceId: id, name: 'real', expiresInDays: 9 })
    console.log(JSON.stringify({ key: plaintext.expose(), instanceId: id }))
    await insertKeys(id, actor.memberId, keys)
    return () => deleteAppInstance(ports, actor, { id, acknowledged: true })
  },
  'remove a member': async () => {
    const { memberId } = await addMember(ports, actor, { subject: `leaver-${round}`, name: `leaver-${round}`, role: 'AURA_OWNER' })
    await insertKeys(await instance('of a leaver'), memberId, 200)
    return () => removeMember(ports, actor, { id: memberId, acknowledged: true })
  },
  reveal: async () => {
    const saveAsSecret = { name: `reveal_${round}` }
    const { secretId } = await createApiKey(ports, actor, { instanceId: await instance('revealing'), name: `save-r${round}`, expiresInDays: 9, saveAsSecret })
    return async () => {
      await revealSecret(ports, actor, { id: secretId })
      console.log('revealed')
    }
  },
}
const change = await operations[operation]()
left = point
await change()
console.log('answered')
await app.close()

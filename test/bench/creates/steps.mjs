// The steps of creating a key as this server takes them in a change, without all that is around: as two packets of statements, and as a function in
// PL/pgSQL. Both lock the organization, then look at the role and the instance, and write what `one statement` writes.
import pg from 'pg'
import { newId } from '../../../dist/ids.js'
import { pool } from '../http/checked.mjs'
import { newKey, statement } from '../http/one-statement.mjs'

const settings = `set_config('lock_timeout', '2000', true), set_config('idle_in_transaction_session_timeout', '5000', true), set_config('statement_timeout', '11000', true)`
const role = 'SELECT role FROM member WHERE id = $1 AND organization_id = $2 AND removed_at IS NULL'
const instance = `SELECT i.id FROM app_instance i LEFT JOIN instance_access a ON a.instance_id = i.id AND a.member_id = $1
  WHERE i.id = $3 AND i.organization_id = $2 AND i.deleted_at IS NULL AND ($4 <> 'MEMBER' OR a.role IS NOT NULL)`

const pipelined = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10, pipeline: true })

/** One change of an organization after the other. */
const last = new Map()
function inOrder(organizationId, run) {
  const running = (last.get(organizationId) ?? Promise.resolve()).then(run)
  last.set(
    organizationId,
    running.catch(() => undefined),
  )
  return running
}

async function createByPackets(member, input) {
  const { id, plaintext, columns, digest } = newKey(member, input)
  const { organizationId, memberId } = member
  const client = await pipelined.connect()
  try {
    const lock = `SELECT 1 FROM (SELECT ${settings}) AS settings, organization WHERE id = $1 FOR NO KEY UPDATE OF organization`
    const [, , roles, instances] = await Promise.all([
      client.query('BEGIN'),
      client.query({ name: 'lock', text: lock, values: [organizationId] }),
      client.query({ name: 'role', text: role, values: [memberId, organizationId] }),
      client.query({ name: 'instance', text: instance, values: [memberId, organizationId, input.instanceId, member.role] }),
    ])
    if (roles.rows[0]?.role !== member.role || !instances.rows[0]) throw new Error('not allowed')
    const [{ rowCount }] = await Promise.all([
      client.query({ name: 'write', text: statement, values: [...columns, digest, newId('evt')] }),
      client.query('COMMIT'),
    ])
    if (rowCount !== 1) throw new Error('nothing was created')
    return { plaintext, apiKey: { id } }
  } finally {
    client.release()
  }
}

const functionText = `CREATE OR REPLACE FUNCTION bench_create_key(key text, org text, ins text, mem text, name text, hint text, made timestamptz, until timestamptz,
    folded text, trigrams text, digest bytea, evt text) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE own record; app text; moved bigint;
  BEGIN
    PERFORM ${settings};
    PERFORM 1 FROM organization WHERE id = org FOR NO KEY UPDATE;
    SELECT m.role::text AS role INTO own FROM member m WHERE m.id = mem AND m.organization_id = org AND m.removed_at IS NULL;
    SELECT i.app_id INTO app FROM app_instance i LEFT JOIN instance_access a ON a.instance_id = i.id AND a.member_id = mem
      WHERE i.id = ins AND i.organization_id = org AND i.deleted_at IS NULL AND (own.role <> 'MEMBER' OR a.role IS NOT NULL);
    IF app IS NULL THEN RAISE EXCEPTION 'not allowed'; END IF;
    INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, folded, trigrams)
      VALUES (key, org, app, ins, mem, name, hint, made, until, folded, trigrams);
    INSERT INTO key_digest (key_id, pepper_id, digest) VALUES (key, 'bench', digest);
    UPDATE organization SET version = version + 1 WHERE id = org RETURNING version INTO moved;
    INSERT INTO event (id, organization_id, version, kind, occurred_at, actor_id, subject_name, api_key_id, instance_id, app_id)
      VALUES (evt, org, moved, 'API_KEY_CREATED', made, mem, name, key, ins, app);
    RETURN moved;
  END $$`

async function createByFunction(member, input) {
  const { id, plaintext, columns, digest } = newKey(member, input)
  const text = 'SELECT bench_create_key($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)'
  await pool.query({ name: 'function', text, values: [...columns, digest, newId('evt')] })
  return { plaintext, apiKey: { id } }
}

export const steps = {
  'two packets': async () => (member, input) => inOrder(member.organizationId, () => createByPackets(member, input)),
  'PL/pgSQL': async () => {
    await pool.query(functionText)
    return createByFunction
  },
}

// The statements of servers that answer finished JSON: one for the page of an instance, one for the list of apps. Parameters 1 to 3 are the
// organization, whether the member sees all of it, and the member.

const time = (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
/** Of the instance `i`. */
const counts = `(SELECT json_build_object('total', c.active + c.expired + c.orphaned, 'active', c.active, 'expired', c.expired, 'orphaned', c.orphaned, 'revoked', c.revoked)
  FROM key_count c WHERE c.subject_id = i.id)`
const visible = `i.organization_id = $1 AND ($2 OR (i.deleted_at IS NULL AND EXISTS (SELECT FROM instance_access x WHERE x.instance_id = i.id AND x.member_id = $3)))`

/** An instance by id with its counts and its newest keys. */
export const page = {
  name: 'page',
  text: `SELECT json_build_object('data', json_build_object('instance', (SELECT json_build_object('id', i.id, 'name', i.name,
    'keyCounts', ${counts},
    'apiKeys', json_build_object('edges', (SELECT coalesce(json_agg(json_build_object('node', json_build_object('id', k.id, 'name', k.name, 'hint', k.hint,
      'status', k.status, 'createdAt', ${time('k.created_at')}, 'expiresAt', ${time('k.expires_at')}, 'createdBy', json_build_object('name', m.name)))
      ORDER BY k.created_at DESC, k.id DESC), '[]')
      FROM (SELECT * FROM api_key WHERE instance_id = i.id ORDER BY created_at DESC, id DESC LIMIT $5) k JOIN member m ON m.id = k.created_by_id)))
    FROM app_instance i WHERE i.id = $4 AND ${visible})))::text AS json`,
  values: ({ id, first }) => [id, first],
}

/** The apps with their instances and the counts of those. */
export const apps = {
  name: 'apps',
  text: `SELECT json_build_object('data', json_build_object('apps', (SELECT coalesce(json_agg(json_build_object('id', a.id, 'name', a.name,
    'instances', json_build_object('edges', (SELECT coalesce(json_agg(json_build_object('node', json_build_object('id', i.id, 'name', i.name, 'status', i.status,
      'keyCounts', ${counts}))), '[]')
      FROM (SELECT id, name, status FROM app_instance i WHERE i.app_id = a.id AND i.deleted_at IS NULL AND ${visible} ORDER BY i.name, i.id LIMIT $4) i)))), '[]')
    FROM (SELECT id, name FROM app WHERE organization_id = $1 ORDER BY name, id LIMIT 200) a)))::text AS json`,
  values: ({ first }) => [first],
}

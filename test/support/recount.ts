import type { TestServer } from './server.ts'

/** Counter rows that differ from a recount. */
export const recount = (at: TestServer): Promise<unknown[]> =>
  at.sql(`
    SELECT c.*, r.* FROM key_count c FULL JOIN (
      SELECT s.id AS recounted, count(k.*) FILTER (WHERE k.status = 'ACTIVE')::int AS a, count(k.*) FILTER (WHERE k.status = 'EXPIRED')::int AS e,
        count(k.*) FILTER (WHERE k.status = 'ORPHANED')::int AS o, count(k.*) FILTER (WHERE k.status = 'REVOKED')::int AS r
      FROM (SELECT id FROM organization UNION ALL SELECT id FROM app UNION ALL SELECT id FROM app_instance) s
      LEFT JOIN api_key k ON s.id IN (k.organization_id, k.app_id, k.instance_id) GROUP BY s.id
    ) r ON r.recounted = c.subject_id
    WHERE (c.active, c.expired, c.orphaned, c.revoked) IS DISTINCT FROM (r.a, r.e, r.o, r.r)`)

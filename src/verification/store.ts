import type { KeyRecord } from '../keys/model.ts'
import type { Database } from '../store/client.ts'

/** An organization's mark: it moves in the transaction of every denial. */
export interface MarkRow {
  readonly organizationId: string
  readonly mark: string
  /** The database's time while the statement ran. */
  readonly readAt: Date
}

/** A digest of the same key under another pepper. */
export interface Rehash {
  readonly keyId: string
  /** The digest that it replaces. */
  readonly was: Uint8Array
  readonly pepperId: string
  readonly digest: Uint8Array
}

/** Thrown when a standby runs a statement, since it may not have the latest denials yet. */
class Standby extends Error {
  override readonly name = 'Standby'
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const marksOf = `
  SELECT id AS "organizationId", denial_mark::text AS mark, clock_timestamp() AS "readAt" FROM organization
  WHERE id = ANY($1) AND NOT pg_is_in_recovery()`

/** One snapshot of the keys and of their organizations' marks. */
const recordsOf = `
  SELECT s.standby, s.read_at AS "readAt", k.id, k.name, k.organization_id AS "organizationId", k.app_id AS "appId",
    k.instance_id AS "instanceId", k.created_by_id AS "createdById", d.pepper_id AS "pepperId", d.digest, k.revoked_at AS "revokedAt",
    k.orphan_reason::text AS "orphanReason", i.deleted_at AS "instanceDeletedAt", m.removed_at AS "creatorRemovedAt",
    k.expires_at AS "expiresAt", k.expired_at AS "expiredAt", o.denial_mark::text AS mark
  FROM (SELECT pg_is_in_recovery() AS standby, clock_timestamp() AS read_at) s LEFT JOIN (
    api_key k JOIN key_digest d ON d.key_id = k.id JOIN app_instance i ON i.id = k.instance_id JOIN member m ON m.id = k.created_by_id
    JOIN organization o ON o.id = k.organization_id
  ) ON k.id = ANY($1)`

/** No scope: a gateway sends the key itself. The text of each statement never changes. */
export const verificationStore = ({ client, read }: Pick<Database, 'client' | 'read'>) => ({
  /** Omits organizations that do not exist; returns no rows on a standby. */
  marks: (organizationIds: readonly string[]): Promise<MarkRow[]> => read<MarkRow>(marksOf, [organizationIds]),

  /** Reads what verification needs of these keys. */
  records: async (keyIds: readonly string[]): Promise<KeyRecord[]> => {
    const rows = await read<KeyRecord & { standby: boolean }>(recordsOf, [keyIds])
    if (rows[0]?.standby !== false) throw new Standby('the database is a standby')
    return rows.filter(({ id }) => id !== null)
  },

  /** Compare and set: does not update a key whose digest changed since it was read. */
  rehash: (rehashes: readonly Rehash[]): Promise<number> => {
    const rows = rehashes.map(({ keyId, was, pepperId, digest }) => ({ keyId, pepperId, was: hex(was), digest: hex(digest) }))
    return client.$executeRaw`
      UPDATE key_digest d SET pepper_id = r."pepperId", digest = decode(r.digest, 'hex')
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r("keyId" text, "pepperId" text, was text, digest text)
      WHERE d.key_id = r."keyId" AND d.digest = decode(r.was, 'hex')`
  },

  /** How many ACTIVE keys still use each pepper. Reads every key. */
  keysPerPepper: async (): Promise<Record<string, number>> => {
    const rows = await client.$queryRaw<{ pepperId: string; keys: number }[]>`
      SELECT d.pepper_id AS "pepperId", count(*)::int AS keys FROM key_digest d JOIN api_key k ON k.id = d.key_id
      WHERE k.status = 'ACTIVE' GROUP BY d.pepper_id ORDER BY d.pepper_id`
    return Object.fromEntries(rows.map(({ pepperId, keys }) => [pepperId, keys]))
  },
})

export type VerificationStore = ReturnType<typeof verificationStore>

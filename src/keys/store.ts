import { keysIn, type Scope } from '../access/scope.ts'
import { searchable } from '../folding.ts'
import type { ApiKeyStatus, InstanceRole, OrphanReason } from '../generated/prisma/enums.ts'
import { type Connection, Prisma } from '../store/client.ts'
import { anyOf, sqlOf } from '../store/conditions.ts'
import { countsBeside } from '../store/counts-beside.ts'
import { idsFound } from '../store/found.ts'
import { insertion } from '../store/insertion.ts'
import { counted, selected } from '../store/selected.ts'
import { type Counts, idempotencyMs } from './model.ts'

export interface NewKey {
  id: string
  organizationId: string
  appId: string
  instanceId: string
  createdById: string
  name: string
  hint: string
  createdAt: Date
  expiresAt: Date
}

export interface KeyFacts {
  id: string
  name: string
  appId: string
  instanceId: string
  createdById: string
  status: ApiKeyStatus
  instanceRole: InstanceRole | null
}

/** A key whose stored state a statement changed. */
export interface MovedKey {
  id: string
  name: string
  appId: string
  instanceId: string
}

/** A page of keys that a text is searched in. */
interface KeySearch<Where> {
  where: Where
  along: Where
  matching: Prisma.ApiKeyWhereInput
  orderBy: object[]
  take: number
}

/** Counting stops here. */
export const countLimit = 10_000

export const keyStore = ({ client, run }: Connection) => ({
  /** The given keys that are in scope. */
  among: <Query extends Prisma.ApiKeyDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.ApiKeyGetPayload<Query>>({ run }, 'ApiKey', { ...query, where: { AND: [keysIn(scope), { id: { in: [...ids] } }] } }),

  page: <Query extends Prisma.ApiKeyDefaultArgs>(
    query: Query,
    scope: Scope,
    page: { where: Prisma.ApiKeyWhereInput; orderBy: Prisma.ApiKeyOrderByWithRelationInput[]; take: number },
  ) => selected<Prisma.ApiKeyGetPayload<Query>>({ run }, 'ApiKey', { ...query, ...page, where: { AND: [keysIn(scope), page.where] } }),

  /** Ids of such a page in the order of last use; each key has a row for it. */
  idsByUse: async (
    scope: Scope,
    page: { where: Prisma.KeyUseWhereInput; matching: Prisma.ApiKeyWhereInput; orderBy: Prisma.KeyUseOrderByWithRelationInput[]; take: number },
  ): Promise<string[]> => {
    const { where, matching, orderBy, take } = page
    const rows = await client.keyUse.findMany({
      where: { AND: [{ organizationId: scope.organizationId }, where, { key: { AND: [keysIn(scope), matching] } }] },
      orderBy,
      take,
      select: { keyId: true },
    })
    return rows.map(({ keyId }) => keyId)
  },

  /** Ids of a page of keys that a text is searched in. `along`: conditions that the index of the order has. */
  idsFound: (scope: Scope, { along, matching, ...page }: KeySearch<Prisma.ApiKeyWhereInput>): Promise<string[]> =>
    idsFound(client, {
      ...page,
      model: 'ApiKey',
      among: 'organizationId' in along ? 'keys' : 'fewer',
      along: { AND: [along, page.where] },
      matching: { AND: [keysIn(scope), matching] },
    }),

  /** The same in the order of last use. */
  idsFoundByUse: (scope: Scope, { along, matching, ...page }: KeySearch<Prisma.KeyUseWhereInput>): Promise<string[]> =>
    idsFound(client, {
      ...page,
      model: 'KeyUse',
      among: 'keys',
      along: { AND: [along, page.where] },
      matching: { key: { AND: [keysIn(scope), matching] } },
    }),

  /** How many keys match, at most one above `countLimit`. */
  count: (scope: Scope, where: Prisma.ApiKeyWhereInput): Promise<number> =>
    counted({ run }, 'ApiKey', { where: { AND: [keysIn(scope), where] }, by: 'createdAt', most: countLimit }),

  /** Counts per organization, app or instance id, of exactly the keys in scope, and their version, from one statement. */
  counts: (scope: Scope, subjectIds: readonly string[]): Promise<Counts[]> =>
    run<Counts>(
      scope.all
        ? Prisma.sql`
          SELECT c.subject_id AS "subjectId", c.active, c.expired, c.orphaned, c.revoked, o.version
          FROM organization o JOIN key_count c ON c.subject_id = ${anyOf(subjectIds)} WHERE o.id = ${scope.organizationId}
            AND (c.subject_id = o.id OR EXISTS (SELECT 1 FROM app a WHERE a.id = c.subject_id AND a.organization_id = o.id)
              OR EXISTS (SELECT 1 FROM app_instance i WHERE i.id = c.subject_id AND i.organization_id = o.id))`
        : Prisma.sql`
          SELECT s.id AS "subjectId", o.version, coalesce(sum(c.active), 0)::int AS active, coalesce(sum(c.expired), 0)::int AS expired,
            coalesce(sum(c.orphaned), 0)::int AS orphaned, coalesce(sum(c.revoked), 0)::int AS revoked
          FROM organization o CROSS JOIN unnest(${subjectIds}::text[]) AS s(id)
          LEFT JOIN (
            SELECT i.id, i.app_id, i.organization_id FROM instance_access a JOIN app_instance i ON i.id = a.instance_id
            WHERE a.member_id = ${scope.memberId} AND i.deleted_at IS NULL AND i.id <> ALL(${scope.kept})
            UNION ALL SELECT i.id, i.app_id, i.organization_id FROM app_instance i
            WHERE i.id = ANY(${scope.kept}) AND i.organization_id = ${scope.organizationId}
          ) g ON s.id IN (g.id, g.app_id, g.organization_id)
          LEFT JOIN key_count c ON c.subject_id = g.id
          WHERE o.id = ${scope.organizationId} GROUP BY s.id, o.version`,
    ),

  countsBeside,

  /** The same for other organizations where the subject is a present member: counts the keys that they may see there. */
  countsElsewhere: (subject: string, organizationIds: readonly string[]): Promise<Counts[]> => client.$queryRaw<Counts[]>`
    SELECT o.id AS "subjectId", o.version, coalesce(sum(c.active), 0)::int AS active, coalesce(sum(c.expired), 0)::int AS expired,
      coalesce(sum(c.orphaned), 0)::int AS orphaned, coalesce(sum(c.revoked), 0)::int AS revoked
    FROM member m JOIN organization o ON o.id = m.organization_id LEFT JOIN LATERAL (
      SELECT o.id WHERE m.role IN ('OWNER', 'AURA_OWNER')
      UNION ALL SELECT i.id FROM instance_access a JOIN app_instance i ON i.id = a.instance_id
      WHERE m.role NOT IN ('OWNER', 'AURA_OWNER') AND a.member_id = m.id AND i.deleted_at IS NULL
    ) g ON true LEFT JOIN key_count c ON c.subject_id = g.id
    WHERE m.subject = ${subject} AND m.removed_at IS NULL AND m.organization_id = ANY(${organizationIds}) GROUP BY o.id, o.version`,

  /** What a decision about each key needs; keys out of scope are missing. */
  facts: (scope: Scope, ids: readonly string[]): Promise<KeyFacts[]> =>
    run<KeyFacts>(Prisma.sql`
      SELECT k.id, k.name, k.app_id AS "appId", k.instance_id AS "instanceId", k.created_by_id AS "createdById", k.status::text AS status,
        a.role::text AS "instanceRole"
      FROM api_key k LEFT JOIN instance_access a ON a.instance_id = k.instance_id AND a.member_id = ${scope.memberId}
      WHERE k.id = ${anyOf(ids)} AND ${sqlOf(keysIn(scope), 'k', 'ApiKey')}`),

  /** What inserts a key and its digest. */
  insert: (key: NewKey, stored: { pepperId: string; digest: Uint8Array }): Prisma.Sql[] => {
    const { folded, trigrams } = searchable(key.name, key.hint)
    return [insertion('ApiKey', { ...key, folded, trigrams }), insertion('KeyDigest', { keyId: key.id, ...stored })]
  },

  /** What the member's idempotency key created, if it is still stored. */
  madeBefore: async (memberId: string, key: string, now: Date): Promise<{ inputHash: Uint8Array; apiKeyId: string } | null> => {
    const [made] = await run<{ inputHash: Uint8Array; apiKeyId: string }>(Prisma.sql`
      SELECT input_hash AS "inputHash", api_key_id AS "apiKeyId" FROM idempotent_create
      WHERE member_id = ${memberId} AND key = ${key} AND created_at > ${new Date(now.getTime() - idempotencyMs)}`)
    return made ?? null
  },

  /** What notes it, in place of one that is too old. */
  remember: (memberId: string, key: string, made: { inputHash: Uint8Array; apiKeyId: string; createdAt: Date }): Prisma.Sql => Prisma.sql`
    ${insertion('IdempotentCreate', { memberId, key, ...made })}
    ON CONFLICT (member_id, key) DO UPDATE SET input_hash = EXCLUDED.input_hash, api_key_id = EXCLUDED.api_key_id, created_at = EXCLUDED.created_at`,

  /** Deletes expired idempotency keys. */
  forget: (now: Date) => client.idempotentCreate.deleteMany({ where: { createdAt: { lte: new Date(now.getTime() - idempotencyMs) } } }),

  /** What revokes them. */
  revoke: (ids: readonly string[], revokedAt: Date, revokedById: string): Prisma.Sql =>
    Prisma.sql`UPDATE api_key SET revoked_at = ${revokedAt}, revoked_by_id = ${revokedById} WHERE id = ${anyOf(ids)}`,

  /** Orphans every key of the instance or creator that is neither revoked nor already an orphan. */
  orphan: (of: { instanceId: string } | { createdById: string }, reason: OrphanReason): Promise<MovedKey[]> =>
    run<MovedKey>(Prisma.sql`
      WITH moved AS (
        UPDATE api_key SET orphan_reason = ${reason}::"OrphanReason"
        WHERE ${'instanceId' in of ? Prisma.sql`instance_id = ${of.instanceId}` : Prisma.sql`created_by_id = ${of.createdById}`}
          AND revoked_at IS NULL AND orphan_reason IS NULL
        RETURNING id, name, app_id, instance_id
      ) SELECT id, name, app_id AS "appId", instance_id AS "instanceId" FROM moved ORDER BY id`),

  /** Whether only this transaction expires keys of the organization; the lock is held until it ends. */
  tryExpireAlone: async (organizationId: string): Promise<boolean> => {
    const [row] = await run<{ alone: boolean }>(Prisma.sql`SELECT pg_try_advisory_xact_lock(hashtextextended(${organizationId}, 1)) AS alone`)
    return row?.alone ?? false
  },

  /** Sets at most `limit` ACTIVE keys of the organization past their expiry to EXPIRED. */
  expire: (organizationId: string, now: Date, limit: number): Promise<MovedKey[]> =>
    run<MovedKey>(Prisma.sql`
      WITH due AS (
        SELECT id FROM api_key WHERE organization_id = ${organizationId} AND status = 'ACTIVE' AND expires_at <= ${now} ORDER BY expires_at, id LIMIT ${limit}
      ), moved AS (
        UPDATE api_key k SET expired_at = ${now} FROM due WHERE k.id = due.id RETURNING k.id, k.name, k.app_id, k.instance_id, k.expires_at
      ) SELECT id, name, app_id AS "appId", instance_id AS "instanceId" FROM moved ORDER BY expires_at, id`),

  /** Organizations with an ACTIVE key past its expiry. */
  organizationsWithDue: async (now: Date): Promise<string[]> => {
    const rows = await client.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT organization_id AS id FROM api_key WHERE status = 'ACTIVE' AND expires_at <= ${now} ORDER BY id`
    return rows.map((row) => row.id)
  },

  /** The digest to compare a key's text with, and its end. */
  digestOf: async (id: string): Promise<{ pepperId: string; digest: Uint8Array; expiresAt: Date } | null> => {
    const [row] = await run<{ pepperId: string; digest: Uint8Array; expiresAt: Date }>(Prisma.sql`
      SELECT d.pepper_id AS "pepperId", d.digest, k.expires_at AS "expiresAt" FROM api_key k JOIN key_digest d ON d.key_id = k.id WHERE k.id = ${id}`)
    return row ?? null
  },

  /** Moves last uses forward, never back and never past a revocation. */
  recordUses: (uses: readonly { keyId: string; usedAt: Date }[]): Promise<number> => client.$executeRaw`
    INSERT INTO key_use (key_id, organization_id, last_used_at)
    SELECT k.id, k.organization_id, u."usedAt" FROM jsonb_to_recordset(${JSON.stringify(uses)}::jsonb) AS u("keyId" text, "usedAt" timestamptz)
    JOIN api_key k ON k.id = u."keyId" AND (k.revoked_at IS NULL OR u."usedAt" < k.revoked_at) ORDER BY u."keyId"
    ON CONFLICT (key_id) DO UPDATE SET last_used_at = EXCLUDED.last_used_at WHERE key_use.last_used_at < EXCLUDED.last_used_at`,

  pepperIds: async (): Promise<string[]> => {
    const rows = await client.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT d.pepper_id AS id FROM key_digest d JOIN api_key k ON k.id = d.key_id WHERE k.status = 'ACTIVE'`
    return rows.map((row) => row.id)
  },
})

export type KeyStore = ReturnType<typeof keyStore>

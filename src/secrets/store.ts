import { type Scope, secretsIn } from '../access/scope.ts'
import { type Connection, Prisma } from '../store/client.ts'
import { sqlOf } from '../store/conditions.ts'
import { insertion } from '../store/insertion.ts'
import { selected } from '../store/selected.ts'

export interface SealedSecret {
  id: string
  organizationId: string
  name: string
  version: number
  createdById: string
  sealed: Uint8Array
}

const sealedColumns = Prisma.sql`id, organization_id AS "organizationId", name, version, created_by_id AS "createdById", sealed`

export const secretStore = ({ client, run }: Connection) => ({
  find: async <Query extends Prisma.SecretDefaultArgs>(query: Query, scope: Scope, id: string): Promise<Prisma.SecretGetPayload<Query> | null> => {
    const [secret] = await selected<Prisma.SecretGetPayload<Query>>({ run }, 'Secret', { ...query, where: { id, ...secretsIn(scope) } })
    return secret ?? null
  },

  /** The given secrets that are in scope. */
  among: <Query extends Prisma.SecretDefaultArgs>(query: Query, scope: Scope, ids: readonly string[]) =>
    selected<Prisma.SecretGetPayload<Query>>({ run }, 'Secret', { ...query, where: { AND: [secretsIn(scope), { id: { in: [...ids] } }] } }),

  page: <Query extends Prisma.SecretDefaultArgs>(query: Query, scope: Scope, page: { where: Prisma.SecretWhereInput; orderBy: object[]; take: number }) =>
    selected<Prisma.SecretGetPayload<Query>>({ run }, 'Secret', { ...query, ...page, where: { AND: [secretsIn(scope), page.where] } }),

  count: (scope: Scope): Promise<number> => client.secret.count({ where: secretsIn(scope) }),

  /** Whether the organization has a secret of this name, by any member. */
  isTaken: async (organizationId: string, name: string): Promise<boolean> =>
    (await run(Prisma.sql`SELECT 1 FROM secret WHERE organization_id = ${organizationId} AND name = ${name}`)).length > 0,

  /** The secret that holds this key. */
  ofKey: async (apiKeyId: string): Promise<{ id: string; name: string } | null> =>
    (await run<{ id: string; name: string }>(Prisma.sql`SELECT id, name FROM secret WHERE api_key_id = ${apiKeyId}`))[0] ?? null,

  /** What inserts it. */
  insert: (secret: SealedSecret & { kekId: string; createdAt: Date; updatedAt: Date; apiKeyId: string }): Prisma.Sql => insertion('Secret', secret),

  sealed: async (scope: Scope, id: string): Promise<SealedSecret | null> =>
    (await run<SealedSecret>(Prisma.sql`SELECT ${sealedColumns} FROM secret t WHERE id = ${id} AND ${sqlOf(secretsIn(scope), 't', 'Secret')}`))[0] ?? null,

  /** What deletes it. */
  remove: (id: string): Prisma.Sql => Prisma.sql`DELETE FROM secret WHERE id = ${id}`,

  kekIds: async (): Promise<string[]> => (await client.secret.findMany({ distinct: ['kekId'], select: { kekId: true } })).map(({ kekId }) => kekId),

  /** Up to `limit` secrets above the id with a data key not wrapped by this key, or with an older format. */
  sealedOtherwise: (kekId: string, format: number, after: string, limit: number): Promise<SealedSecret[]> =>
    client.$queryRaw<SealedSecret[]>`
      SELECT ${sealedColumns} FROM secret
      WHERE id > ${after} AND (kek_id <> ${kekId} OR substring(sealed FOR 1) < ${Uint8Array.of(format)}) ORDER BY id LIMIT ${limit}`,

  /** How many secrets are sealed in format 1, which does not bind the creator. */
  countFormat1: async (): Promise<number> => {
    const [row] = await client.$queryRaw<{ secrets: number }[]>`SELECT count(*)::int AS secrets FROM secret WHERE substring(sealed FOR 1) = ${Uint8Array.of(1)}`
    return row?.secrets ?? 0
  },

  /** Compare and set: changes nothing if the row changed since it was read. */
  replaceSealed: (before: SealedSecret, after: { kekId: string; sealed: Uint8Array }): Promise<number> =>
    client.$executeRaw`UPDATE secret SET sealed = ${after.sealed}, kek_id = ${after.kekId} WHERE id = ${before.id} AND sealed = ${before.sealed}`,
})

export type SecretStore = ReturnType<typeof secretStore>

import { type GraphQLEnumType, isEnumType } from 'graphql'
import { describe, expect, test } from 'vitest'
import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import type { EventKind } from '../../src/generated/prisma/enums.ts'
import { builder } from '../../src/graphql/builder.ts'
import '../../src/api/schema.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { deleteSecret } from '../../src/secrets/delete-secret.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { AuditLogDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

/** What an entry of a kind must say: whose doing, what it was called, and every row that it points to; null for those it does not. */
interface Told {
  actor: Actor | null
  subjectName: string
  apiKey?: string
  instance?: string
  app?: string
  member?: string
  secret?: string | null
}

const newInstance = async (name: string) => (await createAppInstance(server.app.ports, company.members.ownA, { appId: company.appId, name })).instanceId
const newMember = async (name: string, role: 'MEMBER' | 'AURA_OWNER' = 'MEMBER') =>
  (await addMember(server.app.ports, company.members.ownA, { subject: name, name, role })).memberId
const newKey = (name: string, by: Actor = company.members.devA, secret?: string, instanceId = company.I1) =>
  createApiKey(server.app.ports, by, { instanceId, name, expiresInDays: 1, ...(secret ? { saveAsSecret: { name: secret } } : {}) })

/** One change of each kind, with what its newest entry must be. */
const cases: Record<EventKind, () => Promise<Told>> = {
  API_KEY_CREATED: async () => {
    const { keyId } = await newKey('created')
    return { actor: company.members.devA, subjectName: 'created', apiKey: keyId, instance: company.I1, app: company.appId }
  },
  API_KEY_REVOKED: async () => {
    const { keyId } = await newKey('revoked')
    await revokeApiKeys(server.app.ports, company.members.auraA, { ids: [keyId], acknowledged: true })
    return { actor: company.members.auraA, subjectName: 'revoked', apiKey: keyId, instance: company.I1, app: company.appId }
  },
  API_KEY_ORPHANED: async () => {
    const instanceId = await newInstance('of an orphan')
    const { keyId } = await newKey('orphaned', company.members.ownA, undefined, instanceId)
    await deleteAppInstance(server.app.ports, company.members.auraA, { id: instanceId, acknowledged: true })
    return { actor: company.members.auraA, subjectName: 'orphaned', apiKey: keyId, instance: instanceId, app: company.appId }
  },
  API_KEY_EXPIRED: async () => {
    const { keyId } = await newKey('expired')
    const start = server.time.now
    // Others of this file end with it, in the order of their ends.
    await server.sql("UPDATE api_key SET expires_at = expires_at + interval '1 second' WHERE id = $1 RETURNING 1", keyId)
    server.time.now = new Date(start.getTime() + 2 * 86_400_000)
    await server.app.sweep()
    server.time.now = start
    return { actor: null, subjectName: 'expired', apiKey: keyId, instance: company.I1, app: company.appId }
  },
  API_KEY_SAVED_AS_SECRET: async () => {
    const { keyId, secretId } = await newKey('saved', company.members.devA, 'saved_here')
    return { actor: company.members.devA, subjectName: 'saved', apiKey: keyId, instance: company.I1, app: company.appId, secret: secretId }
  },
  INSTANCE_CREATED: async () => {
    const instanceId = await newInstance('made')
    return { actor: company.members.ownA, subjectName: 'made', instance: instanceId, app: company.appId }
  },
  INSTANCE_DELETED: async () => {
    const instanceId = await newInstance('deleted')
    await deleteAppInstance(server.app.ports, company.members.auraA, { id: instanceId, acknowledged: true })
    return { actor: company.members.auraA, subjectName: 'deleted', instance: instanceId, app: company.appId }
  },
  INSTANCE_ACCESS_CHANGED: async () => {
    const { devA, viewA } = company.members
    await setInstanceAccess(server.app.ports, devA, { instanceId: company.I1, memberId: viewA.memberId, role: 'USER' })
    return { actor: devA, subjectName: 'I1', instance: company.I1, app: company.appId, member: viewA.memberId }
  },
  MEMBER_ADDED: async () => ({ actor: company.members.ownA, subjectName: 'added', member: await newMember('added') }),
  MEMBER_REMOVED: async () => {
    const member = await newMember('removed')
    await removeMember(server.app.ports, company.members.ownA, { id: member, acknowledged: true })
    return { actor: company.members.ownA, subjectName: 'removed', member }
  },
  MEMBER_ROLE_CHANGED: async () => {
    const member = await newMember('raised')
    await setMemberRole(server.app.ports, company.members.ownA, { id: member, role: 'AURA_OWNER' })
    return { actor: company.members.ownA, subjectName: 'raised', member }
  },
  APP_CREATED: async () => {
    const { appId } = await createApp(server.app.ports, company.members.auraA, { slug: 'analyst', name: 'Analyst' })
    return { actor: company.members.auraA, subjectName: 'Analyst', app: appId }
  },
  SECRET_REVEALED: async () => {
    const { secretId } = await newKey('behind', company.members.devA, 'revealed')
    await revealSecret(server.app.ports, company.members.devA, { id: secretId ?? '' })
    return { actor: company.members.devA, subjectName: 'revealed', secret: secretId }
  },
  SECRET_DELETED: async () => {
    const { secretId } = await newKey('behind', company.members.ownA, 'forgotten')
    await deleteSecret(server.app.ports, company.members.ownA, { id: secretId ?? '' })
    // The row is gone; the name is what is left.
    return { actor: company.members.ownA, subjectName: 'forgotten', secret: null }
  },
}

describe('every kind of event leaves an entry with its actor and its subject', () => {
  const kinds = builder.toSchema().getType('EventKind')
  const names = isEnumType(kinds) ? (kinds as GraphQLEnumType).getValues().map(({ name }) => name) : []

  test('each kind of the schema has a case here, and is one of the database', async () => {
    expect(names.length).toBeGreaterThan(0)
    expect(Object.keys(cases).sort()).toEqual([...names].sort())
    const stored = await server.sql<{ kind: string }>('SELECT unnest(enum_range(NULL::"EventKind"))::text AS kind')
    expect(stored.map(({ kind }) => kind).sort()).toEqual([...names].sort())
  })

  for (const [kind, change] of Object.entries(cases)) {
    test(kind, async () => {
      const start = server.time.now.getTime()
      const told = await change()
      const page = dataOf(await server.graphql(AuditLogDocument, { filter: { kinds: [kind as EventKind] }, first: 1 }, as('ownA'))).auditLog
      const entry = page?.edges[0]?.node
      const [row] = await server.sql<{ version: bigint }>('SELECT version FROM organization WHERE id = $1', company.members.ownA.organizationId)
      const idOf = (node: { id: string } | null | undefined) => node?.id ?? null
      expect({
        kind: entry?.kind,
        actor: idOf(entry?.actor),
        subjectName: entry?.subjectName,
        apiKey: idOf(entry?.apiKey),
        instance: idOf(entry?.instance),
        app: idOf(entry?.app),
        member: idOf(entry?.member),
        secret: idOf(entry?.secret),
      }).toEqual({
        kind,
        actor: told.actor?.memberId ?? null,
        subjectName: told.subjectName,
        apiKey: told.apiKey ?? null,
        instance: told.instance ?? null,
        app: told.app ?? null,
        member: told.member ?? null,
        secret: told.secret ?? null,
      })
      expect(entry?.occurredAt).toBe(new Date(kind === 'API_KEY_EXPIRED' ? start + 2 * 86_400_000 : start).toISOString())
      // The newest entry of the change is the newest of all, or stands right before its consequences.
      expect(Number(row?.version) - (entry?.version ?? 0)).toBeLessThan(2)
    })
  }
})

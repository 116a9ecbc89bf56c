import { expect, test } from 'vitest'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import {
  AddMemberDocument,
  ApiKeyDocument,
  ApiKeysDocument,
  CreateApiKeyDocument,
  InstanceAccessDocument,
  MembersDocument,
  RemoveMemberDocument,
  SetMemberRoleDocument,
  ViewerDocument,
} from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { recount } from '../support/recount.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()

const asNew = (subject: string) => ({ subject, organization: 'a' })
const add = async (subject: string, role: 'OWNER' | 'AURA_OWNER' | 'MEMBER' = 'MEMBER') =>
  dataOf(await server.graphql(AddMemberDocument, { input: { subject, name: subject, role } }, as('ownA'))).addMember?.member.id ?? ''
const remove = (id: string, by: Person = 'ownA') => server.graphql(RemoveMemberDocument, { input: { id, acknowledged: true } }, as(by))
const grant = (memberId: string, instanceId: string, role: 'OWNER' | 'USER' = 'USER') =>
  setInstanceAccess(server.app.ports, company.members.ownA, { instanceId, memberId, role })

test('OR-02 AZ-14 removing a member orphans their keys everywhere, in one change, and ends their token at once', async () => {
  const id = await add('leaver')
  const { instanceId } = await createAppInstance(server.app.ports, company.members.ownA, { appId: company.appId, name: 'second' })
  for (const place of [company.I1, instanceId]) await grant(id, place)
  const keys: { id: string; plaintext: string; at: string }[] = []
  for (const at of [company.I1, instanceId, company.I1]) {
    const made = dataOf(
      await server.graphql(CreateApiKeyDocument, { input: { instanceId: at, name: 'theirs', expiresInDays: 3 } }, asNew('leaver')),
    ).createApiKey
    keys.push({ id: made?.apiKey.id ?? '', plaintext: made?.plaintext ?? '', at })
  }
  const others = await company.createKey('devA', company.I1)
  const answer = dataOf(await remove(id)).removeMember
  expect(answer).toMatchObject({ orphanedKeys: 3, member: { id, removedAt: server.time.now.toISOString() } })
  for (const key of keys) {
    expect(await server.verify(key.plaintext, key.at)).toEqual({ valid: false, code: 'ORPHANED' })
    expect(dataOf(await server.graphql(ApiKeyDocument, { id: key.id }, as('ownA'))).apiKey).toMatchObject({
      status: 'ORPHANED',
      orphanReason: 'CREATOR_REMOVED',
    })
  }
  expect(await server.verify(others.plaintext, company.I1)).toMatchObject({ valid: true })
  const events = await server.sql<{ kind: string; version: bigint }>(
    "SELECT kind::text, version FROM event WHERE (member_id = $1 AND kind = 'MEMBER_REMOVED') OR (kind = 'API_KEY_ORPHANED' AND api_key_id IN ($2, $3, $4)) ORDER BY version",
    id,
    ...keys.map((key) => key.id),
  )
  expect(events.map((event) => event.kind)).toEqual(['MEMBER_REMOVED', 'API_KEY_ORPHANED', 'API_KEY_ORPHANED', 'API_KEY_ORPHANED'])
  expect(events.map((event) => event.version - (events[0]?.version ?? 0n))).toEqual([0n, 1n, 2n, 3n])
  expect(codesOf(await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } }, asNew('leaver')))).toEqual([
    'UNAUTHENTICATED',
  ])
  expect(dataOf(await remove(id)).removeMember).toMatchObject({ orphanedKeys: 0, member: { removedAt: answer?.member.removedAt } })
  expect(await recount(server)).toEqual([])
})

test('somebody who comes back is a new member and adopts nothing', async () => {
  const first = await add('returner')
  await grant(first, company.I1)
  const made = dataOf(
    await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'old', expiresInDays: 3 } }, asNew('returner')),
  ).createApiKey
  await remove(first)
  const second = await add('returner')
  expect(second).not.toBe(first)
  expect(dataOf(await server.graphql(ApiKeysDocument, {}, asNew('returner'))).apiKeys.edges).toEqual([])
  await grant(second, company.I1)
  const key = dataOf(await server.graphql(ApiKeyDocument, { id: made?.apiKey.id ?? '' }, asNew('returner'))).apiKey
  expect(key).toMatchObject({ status: 'ORPHANED', createdBy: { id: first }, viewerCanRevoke: false, revokeRefusal: 'ORPHAN_NEEDS_OWNER' })
  expect(await server.verify(made?.plaintext ?? '', company.I1)).toEqual({ valid: false, code: 'ORPHANED' })
})

test('the last owner stays; with another one they may go', async () => {
  const { ownB } = company.members
  const demote = () => server.graphql(SetMemberRoleDocument, { input: { id: ownB.memberId, role: 'MEMBER' } }, as('ownB'))
  expect((await demote()).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'id' })
  expect((await remove(ownB.memberId, 'ownB')).errors?.[0]?.extensions).toEqual({ code: 'CONFLICT', field: 'id' })
  await addMember(server.app.ports, ownB, { subject: 'second', name: 'second', role: 'OWNER' })
  expect(dataOf(await demote()).setMemberRole?.member.role).toBe('MEMBER')
  expect(codesOf(await demote())).toEqual(['FORBIDDEN'])
})

test('two owners who remove each other at once leave one', async () => {
  const [x, y] = [await add('owner-x', 'OWNER'), await add('owner-y', 'OWNER')]
  await remove(company.members.ownA.memberId).then(dataOf)
  const by = (subject: string, id: string) => server.graphql(RemoveMemberDocument, { input: { id, acknowledged: true } }, asNew(subject))
  const answers = await Promise.all([by('owner-x', y), by('owner-y', x)])
  expect(answers.filter((answer) => !answer.errors)).toHaveLength(1)
  const left = await server.sql<{ subject: string }>(
    "SELECT subject FROM member WHERE organization_id = $1 AND role = 'OWNER' AND removed_at IS NULL",
    company.members.ownA.organizationId,
  )
  expect(left).toHaveLength(1)
  await server.sql('UPDATE member SET removed_at = NULL WHERE id = $1 RETURNING 1', company.members.ownA.memberId)
})

test('AZ-12 a demotion is in force with the very next request', async () => {
  const id = await add('climber', 'AURA_OWNER')
  const mayRead = async () => dataOf(await server.graphql(ViewerDocument, {}, asNew('climber'))).viewer.can
  expect(await mayRead()).toEqual({ createApp: true, createInstance: true, manageMembers: false, readAuditLog: true })
  dataOf(await server.graphql(SetMemberRoleDocument, { input: { id, role: 'MEMBER' } }, as('ownA')))
  expect(await mayRead()).toEqual({ createApp: false, createInstance: false, manageMembers: false, readAuditLog: false })
  const told = await server.sql("SELECT 1 FROM event WHERE member_id = $1 AND kind = 'MEMBER_ROLE_CHANGED'", id)
  dataOf(await server.graphql(SetMemberRoleDocument, { input: { id, role: 'MEMBER' } }, as('ownA')))
  expect(await server.sql("SELECT 1 FROM event WHERE member_id = $1 AND kind = 'MEMBER_ROLE_CHANGED'", id)).toEqual(told)
})

test('members are listed by name, by pages, and found by name, address or subject', async () => {
  await addMember(server.app.ports, company.members.ownA, { subject: 'sub-1', name: 'Zoë 50%', email: 'zoe@test.example', role: 'MEMBER' })
  const list = async (filter: object, by: Person = 'ownA') =>
    dataOf(await server.graphql(MembersDocument, { filter, first: 100 }, as(by))).members?.edges.map(({ node }) => node.name)
  expect(await list({ search: 'ZOë 50%' })).toEqual(['Zoë 50%'])
  expect(await list({ search: 'ZOE@TEST' })).toEqual(['Zoë 50%'])
  expect(await list({ subject: 'sub-1' })).toEqual(['Zoë 50%'])
  expect(await list({ subject: 'SUB-1' })).toEqual([])
  expect(await list({ search: '_' })).toEqual([])
  // Who may not see subjects and addresses cannot find out by searching either.
  expect(await list({ search: 'zoe@test' }, 'devA')).toEqual([])
  expect(await list({ subject: 'sub-1' }, 'devA')).toEqual([])
  expect(await list({ subject: 'devA' }, 'devA')).toEqual(['devA'])
  expect(await list({})).not.toContain('leaver')
  expect(await list({ includeRemoved: true })).toContain('leaver')
  const all: string[] = []
  for (let after: string | null = null; ; ) {
    const page: NonNullable<ReturnType<typeof dataOf<import('../generated/operations.ts').MembersQuery>>['members']> = dataOf(
      await server.graphql(MembersDocument, { first: 2, after }, as('ownA')),
    ).members as never
    all.push(...page.edges.map(({ node }) => node.name))
    after = page.pageInfo.endCursor ?? null
    if (!page.pageInfo.hasNextPage) {
      expect(page.totalCount).toBe(all.length)
      break
    }
  }
  expect(all).toEqual([...all].sort())
})

test('what cannot be a member is refused by field', async () => {
  const field = async (input: object) =>
    (await server.graphql(AddMemberDocument, { input: { subject: 'ok', name: 'ok', role: 'MEMBER', ...input } }, as('ownA'))).errors?.[0]?.extensions
  for (const subject of ['', 'a b', 'ä', 'x'.repeat(256), 'a\n']) expect(await field({ subject })).toEqual({ code: 'BAD_USER_INPUT', field: 'subject' })
  for (const email of ['', 'x', 'a@', 'a b@c']) expect(await field({ email })).toEqual({ code: 'BAD_USER_INPUT', field: 'email' })
  expect(await field({ name: ' ' })).toEqual({ code: 'BAD_USER_INPUT', field: 'name' })
  expect(await field({ role: 'KING' })).toEqual({ code: 'BAD_USER_INPUT', field: 'role' })
  expect(await field({ subject: 'devA' })).toEqual({ code: 'CONFLICT', field: 'subject' })
})

test('AZ-15 roles and subjects match exactly', async () => {
  await add('exact')
  for (const subject of ['Exact', 'exact ', ' exact', 'еxact']) {
    expect(codesOf(await server.graphql(ViewerDocument, {}, asNew(subject)))).toEqual(['UNAUTHENTICATED'])
  }
})

test('access is shown to whoever controls it, by pages, and to nobody else', async () => {
  const access = async (by: Person, first = 100, after: string | null = null) =>
    dataOf(await server.graphql(InstanceAccessDocument, { id: company.I1, first, after }, as(by))).instance?.access
  const all = await access('devA')
  expect(all?.edges.map(({ node }) => [node.member.name, node.role])).toEqual(
    expect.arrayContaining([
      ['dev2A', 'USER'],
      ['devA', 'OWNER'],
    ]),
  )
  expect(all?.totalCount).toBe(all?.edges.length)
  const first = await access('ownA', 1)
  const second = await access('ownA', 1, first?.pageInfo.endCursor ?? null)
  expect([first?.edges[0]?.node.member.id, second?.edges[0]?.node.member.id]).toEqual(all?.edges.slice(0, 2).map(({ node }) => node.member.id))
  expect(await access('dev2A')).toBeNull()
})

test('TN-09 somebody in two organizations has in each the rights of that one, and sees both', async () => {
  await addMember(server.app.ports, company.members.ownA, { subject: 'both', name: 'both', role: 'AURA_OWNER' })
  await addMember(
    server.app.ports,
    { ...company.members.ownB, memberId: (await server.sql<{ id: string }>("SELECT id FROM member WHERE subject = 'second'"))[0]?.id ?? '' },
    { subject: 'both', name: 'both', role: 'MEMBER' },
  )
  const viewer = async (organization: string) => dataOf(await server.graphql(ViewerDocument, {}, { subject: 'both', organization })).viewer
  const [a, b] = [await viewer('a'), await viewer('b')]
  expect([a.can.createApp, b.can.createApp]).toEqual([true, false])
  for (const viewed of [a, b]) expect(viewed.organizations.map(({ slug }) => slug)).toEqual(['a', 'b'])
  const [inA, inB] = a.organizations
  expect(inA?.keyCounts.total).toBeGreaterThan(0)
  // A plain member of the other one, without grants there, sees no key of it.
  expect(inB?.keyCounts.total).toBe(0)
})

import { beforeAll, describe, expect, test } from 'vitest'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import {
  AddMemberDocument,
  AppDocument,
  AuditLogDocument,
  CreateApiKeyDocument,
  CreateAppDocument,
  CreateAppInstanceDocument,
  DeleteAppInstanceDocument,
  InstanceDocument,
  MembersDocument,
  RevokeApiKeyDocument,
  SetInstanceAccessDocument,
  ViewerDocument,
} from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf, dataOf } from '../support/server.ts'

const { server, company } = await companyOfFile()
let deleted: string

beforeAll(async () => {
  const { ports } = server.app
  const { ownA, devA } = company.members
  deleted = company.I2
  await setInstanceAccess(ports, ownA, { instanceId: deleted, memberId: devA.memberId, role: 'OWNER' })
  await deleteAppInstance(ports, ownA, { id: deleted, acknowledged: true })
})

const permissions = (...names: string[]) => ({
  createKey: names.includes('createKey'),
  revokeActiveKeys: names.includes('revokeActiveKeys'),
  revokeOrphanedKeys: names.includes('revokeOrphanedKeys'),
  controlAccess: names.includes('controlAccess'),
  delete: names.includes('delete'),
})
const all = permissions('createKey', 'revokeActiveKeys', 'revokeOrphanedKeys', 'controlAccess', 'delete')

/** The table of who may do what on I1, typed by hand: null sees no instance. */
const onInstance: [role: string, person: Person, viewerRole: string | null, can: ReturnType<typeof permissions> | null][] = [
  ['organization OWNER', 'ownA', null, all],
  ['AURA_OWNER', 'auraA', null, all],
  ['instance OWNER', 'devA', 'OWNER', permissions('createKey', 'revokeActiveKeys', 'controlAccess', 'delete')],
  ['instance USER', 'dev2A', 'USER', permissions('createKey')],
  ['member without a role', 'viewA', null, null],
  ['owner of another organization', 'ownB', null, null],
]

describe('AZ-04 viewerCan of an instance', () => {
  for (const [role, person, viewerRole, can] of onInstance) {
    test(`tells the ${role} what the server then does`, async () => {
      const { instance } = dataOf(await server.graphql(InstanceDocument, { id: company.I1 }, as(person)))
      expect(instance && { viewerRole: instance.viewerRole, viewerCan: instance.viewerCan }).toEqual(can && { viewerRole, viewerCan: can })
      const allowed = async (answer: Promise<{ errors?: unknown }>) => !(await answer).errors
      const { ports } = server.app
      const { ownA } = company.members
      const someones = await company.createKey('ownA', company.I1)
      const { memberId } = await addMember(ports, ownA, { subject: `gone-${person}`, name: 'gone', role: 'AURA_OWNER' })
      const orphan = await server.graphql(
        CreateApiKeyDocument,
        { input: { instanceId: company.I1, name: 'orphan', expiresInDays: 1 } },
        { subject: `gone-${person}`, organization: 'a' },
      )
      await removeMember(ports, ownA, { id: memberId, acknowledged: true })
      const revoke = (id: string) => allowed(server.graphql(RevokeApiKeyDocument, { input: { id, acknowledged: true } }, as(person)))
      const input = { instanceId: company.I1, memberId: company.members.viewA.memberId, role: null }
      const doomed = dataOf(await server.graphql(CreateAppInstanceDocument, { input: { appId: company.appId, name: `for ${person}` } }, as('ownA')))
      const doomedId = doomed.createAppInstance?.instance.id ?? ''
      for (const [memberRole, member] of [['OWNER', company.members.devA] as const, ['USER', company.members.dev2A] as const]) {
        await setInstanceAccess(ports, ownA, { instanceId: doomedId, memberId: member.memberId, role: memberRole })
      }
      expect({
        createKey: await allowed(server.graphql(CreateApiKeyDocument, { input: { instanceId: company.I1, name: 'x', expiresInDays: 1 } }, as(person))),
        revokeActiveKeys: await revoke(someones.id),
        revokeOrphanedKeys: await revoke(dataOf(orphan).createApiKey?.apiKey.id ?? ''),
        controlAccess: await allowed(server.graphql(SetInstanceAccessDocument, { input }, as(person))),
        delete: await allowed(server.graphql(DeleteAppInstanceDocument, { input: { id: doomedId, acknowledged: true } }, as(person))),
      }).toEqual(can ?? permissions())
    })
  }

  test('of a deleted one leaves owners only what is left to do: its orphans', async () => {
    for (const person of ['ownA', 'auraA'] as const) {
      const { instance } = dataOf(await server.graphql(InstanceDocument, { id: deleted }, as(person)))
      expect(instance?.status).toBe('DELETED')
      expect(instance?.viewerCan).toMatchObject({ createKey: false, revokeOrphanedKeys: true, controlAccess: false, delete: false })
    }
    for (const person of ['devA', 'dev2A', 'viewA', 'ownB'] as const) {
      expect(dataOf(await server.graphql(InstanceDocument, { id: deleted }, as(person))).instance).toBeNull()
    }
  })
})

describe('AZ-04 what the viewer may do in the organization', () => {
  const owner = { createApp: true, createInstance: true, manageMembers: true, readAuditLog: true }
  const none = { createApp: false, createInstance: false, manageMembers: false, readAuditLog: false }
  for (const [person, can] of [
    ['ownA', owner],
    ['auraA', { ...owner, manageMembers: false }],
    ['devA', none],
    ['dev2A', none],
    ['viewA', none],
    ['ownB', owner],
    ['auraB', { ...owner, manageMembers: false }],
    ['devB', none],
  ] as const) {
    test(`is what the server then does: ${person}`, async () => {
      expect(dataOf(await server.graphql(ViewerDocument, {}, as(person))).viewer.can).toEqual(can)
      const appId = person.endsWith('A') ? company.appId : company.otherAppId
      const codes = {
        createApp: codesOf(await server.graphql(CreateAppDocument, { input: { slug: `of-${person.toLowerCase()}`, name: 'x' } }, as(person))),
        createInstance: codesOf(await server.graphql(CreateAppInstanceDocument, { input: { appId, name: `of ${person}` } }, as(person))),
        manageMembers: codesOf(await server.graphql(AddMemberDocument, { input: { subject: `of-${person}`, name: 'x', role: 'MEMBER' } }, as(person))),
        readAuditLog: codesOf(await server.graphql(AuditLogDocument, {}, as(person))),
      }
      expect(codes).toEqual(Object.fromEntries(Object.entries(can).map(([name, may]) => [name, may ? [] : ['FORBIDDEN']])))
    })
  }
})

test('deleted instances are listed for owners who ask for them, and for no one else', async () => {
  const names = async (person: Person, status?: string[]) =>
    dataOf(await server.graphql(AppDocument, { slug: 'functions', first: 100, filter: status ? { status: status as never } : null }, as(person))).app
  for (const person of ['ownA', 'auraA'] as const) {
    const found = await names(person, ['DELETED'])
    expect(found?.instances.edges.map(({ node }) => [node.id, node.status])).toContainEqual([deleted, 'DELETED'])
    expect(new Set(found?.instances.edges.map(({ node }) => node.status))).toEqual(new Set(['DELETED']))
    expect(found?.instances.totalCount).toBe(found?.instances.edges.length)
    expect((await names(person, ['DELETED', 'ACTIVE']))?.instances.edges.map(({ node }) => node.id)).toEqual(expect.arrayContaining([deleted, company.I1]))
    expect((await names(person))?.instances.edges.map(({ node }) => node.id)).not.toContain(deleted)
    expect((await names(person, []))?.instances).toMatchObject({ totalCount: 0, edges: [] })
  }
  // The role that devA had on it is worth nothing any more.
  for (const person of ['devA', 'dev2A', 'viewA'] as const) {
    expect((await names(person, ['DELETED']))?.instances).toMatchObject({ totalCount: 0, edges: [] })
    const both = (await names(person, ['DELETED', 'ACTIVE']))?.instances.edges.map(({ node }) => node.status) ?? []
    expect(new Set(both)).toEqual(new Set(person === 'viewA' ? [] : ['ACTIVE']))
  }
})

test("an instance's OWNER sees the names of members, and subject and address only of their own", async () => {
  const { edges } = dataOf(await server.graphql(MembersDocument, { first: 100 }, as('devA'))).members ?? { edges: [] }
  const others = edges.map(({ node }) => node).filter(({ id }) => id !== company.members.devA.memberId)
  expect(others.length).toBeGreaterThan(3)
  for (const { name, subject, email } of others) expect([name.length > 0, subject, email]).toEqual([true, null, null])
  const own = edges.find(({ node }) => node.id === company.members.devA.memberId)?.node
  expect([own?.subject, own?.email]).toEqual(['devA', 'devA@test.example'])
  const seen = dataOf(await server.graphql(MembersDocument, { first: 100 }, as('ownA'))).members?.edges.map(({ node }) => [node.subject, node.email])
  expect(seen).toContainEqual(['ownA', 'ownA@test.example'])
  expect(seen?.every(([subject]) => subject !== null)).toBe(true)
  expect(codesOf(await server.graphql(MembersDocument, {}, as('dev2A')))).toEqual(['FORBIDDEN'])
})

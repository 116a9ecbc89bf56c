import { expect, test } from 'vitest'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import type { Change } from '../../src/ports.ts'
import { serverOfFile } from '../support/file-server.ts'

const server = await serverOfFile()

const owner = { subject: 'owner', name: 'Owner' }
const slugs = async () => (await server.sql<{ slug: string }>('SELECT slug FROM organization ORDER BY slug')).map(({ slug }) => slug)

test('an organization is there with its owner, or not at all', async () => {
  const { ports } = server.app
  const failing: Change = (organization, body) =>
    ports.change(organization, (locked) => body({ ...locked, members: { ...locked.members, insert: () => Promise.reject(new Error('no owner')) as never } }))
  await expect(bootstrapOrganization({ change: failing }, { slug: 'ownerless', name: 'Ownerless', owner })).rejects.toThrow('no owner')
  expect(await slugs()).toEqual([])
  await bootstrapOrganization(ports, { slug: 'ownerless', name: 'Ownerless', owner })
  expect(
    await server.sql(
      'SELECT o.version, m.role::text, e.kind::text FROM organization o JOIN member m ON m.organization_id = o.id JOIN event e ON e.organization_id = o.id',
    ),
  ).toEqual([{ version: 1n, role: 'OWNER', kind: 'MEMBER_ADDED' }])
})

test('of two who make one organization at once, one makes it, and the other is told', async () => {
  const make = () => bootstrapOrganization(server.app.ports, { slug: 'twice', name: 'Twice', owner })
  const outcomes = await Promise.allSettled([make(), make()])
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { extensions: { code: 'CONFLICT', field: 'slug' } } })
  expect(await slugs()).toEqual(['ownerless', 'twice'])
})

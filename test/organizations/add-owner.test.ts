import { expect, test } from 'vitest'
import { addOwner } from '../../src/organizations/add-owner.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const { ports } = server.app
const add = (subject: string, organization = 'a') => addOwner(ports, { organization, owner: { subject, name: subject } })
const roleOf = (subject: string) =>
  server.sql(
    'SELECT role::text FROM member m JOIN organization o ON o.id = m.organization_id WHERE subject = $1 AND slug = $2 AND removed_at IS NULL',
    subject,
    'a',
  )
const events = (memberId: string) =>
  server.sql("SELECT kind::text, actor_id FROM event WHERE member_id = $1 AND kind IN ('MEMBER_ADDED', 'MEMBER_ROLE_CHANGED') ORDER BY version", memberId)

test('an owner is added to an organization that exists, by its slug or id, and the audit log says that no member did it', async () => {
  const { memberId, organizationId } = await add('found-again')
  expect(await roleOf('found-again')).toEqual([{ role: 'OWNER' }])
  expect(await events(memberId)).toEqual([{ kind: 'MEMBER_ADDED', actor_id: null }])
  expect((await add('another', organizationId)).organizationId).toBe(organizationId)
  await expect(add('nobody', 'elsewhere')).rejects.toMatchObject({ extensions: { code: 'BAD_USER_INPUT', field: 'org' } })
})

test('a member gets the role and stays who they are; an owner stays one, and nothing is recorded', async () => {
  await server.sql("WITH named AS (UPDATE member SET name = 'Vera' WHERE subject = 'viewA' RETURNING 1) SELECT * FROM named")
  const { memberId } = await add('viewA')
  expect(memberId).toBe(company.members.viewA.memberId)
  expect(await roleOf('viewA')).toEqual([{ role: 'OWNER' }])
  const after = await events(memberId)
  expect(after.at(-1)).toEqual({ kind: 'MEMBER_ROLE_CHANGED', actor_id: null })
  // Their subject is not for everybody who reads the log.
  const named = await server.sql("SELECT subject_name AS name FROM event WHERE member_id = $1 AND kind = 'MEMBER_ROLE_CHANGED'", memberId)
  expect(named).toEqual([{ name: 'Vera' }])
  expect((await add('viewA')).memberId).toBe(memberId)
  expect(await events(memberId)).toEqual(after)
})

import { beforeAll, expect, test } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

beforeAll(async () => {
  await addMember(server.app.ports, company.members.ownA, { subject: 'sub-1', name: 'Zoë', email: 'zoe@hidden.example', role: 'MEMBER' })
})

type Found = { edges: { node: { name: string; subject: string | null; email: string | null } }[] }
const list = async (person: Person, filter: object): Promise<Found['edges'][number]['node'][]> => {
  const query = 'query ($filter: MemberFilter) { members(filter: $filter, first: 100) { totalCount edges { node { name subject email } } } }'
  const answer = (await (await server.post({ query, variables: { filter } }, as(person))).json()) as { data: { members: Found & { totalCount: number } } }
  expect(answer.data.members.totalCount).toBe(answer.data.members.edges.length)
  return answer.data.members.edges.map(({ node }) => node)
}

for (const person of ['auraA', 'devA'] as const) {
  test(`${person} learns the subject and the address of nobody but themselves, by reading or by searching`, async () => {
    const told = (await list(person, {})).filter((member) => member.subject !== null || member.email !== null)
    expect(told).toEqual([{ name: person, subject: person, email: `${person}@test.example` }])
    expect(await list(person, { subject: 'sub-1' })).toEqual([])
    expect(await list(person, { search: 'hidden' })).toEqual([])
    expect(await list(person, { subject: person })).toHaveLength(1)
  })
}

test('an OWNER of the organization learns them of everybody', async () => {
  const zoe = { name: 'Zoë', subject: 'sub-1', email: 'zoe@hidden.example' }
  expect(await list('ownA', { subject: 'sub-1' })).toEqual([zoe])
  expect(await list('ownA', { search: 'HIDDEN' })).toEqual([zoe])
})

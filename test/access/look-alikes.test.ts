import { describe, expect, test } from 'vitest'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { codesOf } from '../support/server.ts'
import { everyTransport } from '../support/transports.ts'
import { everyRow } from './rows.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000', FAILED_CREDENTIALS_PER_MINUTE: '100000' })

/** Texts that look like this one: another case, a space, a Cyrillic letter, the letters of full width, an invisible one. */
const lookAlikes = (text: string): string[] => {
  const cyrillic: Record<string, string> = { a: 'а', o: 'о', O: 'О', c: 'с', E: 'Е', R: 'Я', s: 'ѕ' }
  const other = text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase()
  const wide = String.fromCodePoint((text.codePointAt(0) ?? 0) + 0xfee0) + text.slice(1)
  const first = [...text].find((letter) => cyrillic[letter]) ?? ''
  return [other, `${text} `, ` ${text}`, text.replace(first, cyrillic[first] ?? ''), wide, `${text}\u200b`, `${text}\u0000`]
}

test('the look-alikes are other texts than the one that they look like', () => {
  for (const text of ['a', 'ownA', 'OWNER', 'functions']) {
    expect(new Set(lookAlikes(text)).size).toBe(7)
    expect(lookAlikes(text)).not.toContain(text)
  }
})

for (const [transport, send] of Object.entries(everyTransport)) {
  describe(`over ${transport}`, () => {
    test('AZ-15 a subject or an organization that only looks like the right one is nobody', async () => {
      const apps = { query: '{ apps { id } }' }
      expect(codesOf(await send(server, apps, { subject: 'ownA', organization: 'a' }))).toEqual([])
      for (const subject of lookAlikes('ownA'))
        expect([subject, codesOf(await send(server, apps, { subject, organization: 'a' }))]).toEqual([subject, ['UNAUTHENTICATED']])
      for (const organization of [...lookAlikes('a'), ...lookAlikes(company.members.ownA.organizationId)]) {
        expect([organization, codesOf(await send(server, apps, { subject: 'ownA', organization }))]).toEqual([organization, ['UNAUTHENTICATED']])
      }
    })

    test('AZ-15 a role that only looks like one is given to nobody', async () => {
      const before = await everyRow(server)
      const { viewA } = company.members
      const mutations: [field: string, type: string, roles: string[], input: object][] = [
        ['addMember', 'AddMemberInput', ['OWNER', 'AURA_OWNER', 'MEMBER'], { subject: 'x', name: 'x' }],
        ['setMemberRole', 'SetMemberRoleInput', ['OWNER', 'AURA_OWNER', 'MEMBER'], { id: viewA.memberId }],
        ['setInstanceAccess', 'SetInstanceAccessInput', ['OWNER', 'USER'], { instanceId: company.I1, memberId: viewA.memberId }],
      ]
      for (const [field, type, roles, input] of mutations) {
        const query = `mutation ($input: ${type}!) { ${field}(input: $input) { __typename } }`
        for (const role of roles.flatMap(lookAlikes)) {
          const answer = await send(server, { query, variables: { input: { ...input, role } } }, as('ownA'))
          expect([field, role, answer.errors?.[0]?.extensions, answer.data ?? null]).toEqual([field, role, { code: 'BAD_USER_INPUT', field: 'role' }, null])
        }
      }
      expect(await everyRow(server)).toEqual(before)
    })

    test('AZ-15 a slug or an id that only looks like the right one finds nothing', async () => {
      const app = 'query ($text: String!) { found: app(slug: $text) { id } }'
      const instance = 'query ($text: ID!) { found: instance(id: $text) { id } }'
      for (const [query, text] of [
        [app, 'functions'],
        [instance, company.I1],
      ] as const) {
        const ask = async (asked: string) => {
          const { data, errors } = await send(server, { query, variables: { text: asked } }, as('ownA'))
          return { found: (data as { found: object | null } | undefined)?.found ?? null, code: errors?.[0]?.extensions.code }
        }
        expect((await ask(text)).found).not.toBeNull()
        for (const other of lookAlikes(text)) {
          // No text holds the last of them.
          expect([other, await ask(other)]).toEqual([other, { found: null, code: other.includes('\0') ? 'BAD_USER_INPUT' : undefined }])
        }
      }
    })
  })
}

test('AZ-15 a member whose subject looks like an owner has rights of their own, and most look-alikes cannot be one', async () => {
  const query = 'mutation ($input: AddMemberInput!) { addMember(input: $input) { __typename } }'
  const create = { query: 'mutation { createApp(input: { slug: "x", name: "x" }) { __typename } }' }
  const add = (subject: string, send = everyTransport.HTTP) =>
    send(server, { query, variables: { input: { subject, name: 'ownA', role: 'MEMBER' } } }, as('ownA'))
  const [possible = '', ...impossible] = lookAlikes('ownA')
  expect(codesOf(await add(possible))).toEqual([])
  for (const send of Object.values(everyTransport)) {
    expect(codesOf(await send(server, create, { subject: possible, organization: 'a' }))).toEqual(['FORBIDDEN'])
    for (const text of impossible) {
      const answer = await add(text, send)
      expect([text, answer.errors?.[0]?.extensions]).toEqual([text, { code: 'BAD_USER_INPUT', field: 'subject' }])
    }
  }
})

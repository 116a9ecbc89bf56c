import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { addMember } from '../../src/members/add-member.ts'
import { ApiKeysDocument, CreateApiKeyDocument } from '../generated/operations.ts'
import { companyOfFile } from '../support/file-server.ts'
import { authSecret, codesOf, dataOf } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

/** A token with any header and claims, signed with any secret and hash. */
function forge(header: object, claims: object, hash = 'sha256', secret = authSecret): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part(header)}.${part(claims)}`
  return `Bearer ${body}.${createHmac(hash, secret).update(body).digest('base64url')}`
}

describe('UNAUTHENTICATED has one text, whatever is wrong with the credential', () => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'ownA', org: 'a', iss: 'aura-keys', iat: now, exp: now + 3600 }
  const bad: Record<string, () => Promise<string | null> | string | null> = {
    none: () => null,
    'not a token': () => 'Bearer x',
    'another scheme': () => `Basic ${Buffer.from('ownA:x').toString('base64')}`,
    expired: () => forge({ alg: 'HS256' }, { ...claims, exp: now - 60 }),
    'without an end': () => forge({ alg: 'HS256' }, { ...claims, exp: undefined }),
    'another algorithm': () => forge({ alg: 'HS512' }, claims, 'sha512'),
    'algorithm none': () => forge({ alg: 'none' }, claims).replace(/[^.]+$/, ''),
    'another secret': () => forge({ alg: 'HS256' }, claims, 'sha256', 'another secret of at least 32 characters'),
    'another issuer': () => forge({ alg: 'HS256' }, { ...claims, iss: 'evil' }),
    'a stranger': () => forge({ alg: 'HS256' }, { ...claims, sub: 'stranger' }),
    'another organization': () => forge({ alg: 'HS256' }, { ...claims, org: 'b' }),
    'an organization that is no text': () => forge({ alg: 'HS256' }, { ...claims, org: { slug: 'a' } }),
    'AZ-13 an API key': async () => `Bearer ${(await company.createKey('ownA', company.I1)).plaintext}`,
    'AZ-14 a removed member': async () => {
      const { memberId } = await addMember(server.app.ports, company.members.ownA, { subject: `gone-${Math.random()}`, name: 'gone', role: 'OWNER' })
      const [row] = await server.sql<{ subject: string }>('UPDATE member SET removed_at = now() WHERE id = $1 RETURNING subject', memberId)
      return forge({ alg: 'HS256' }, { ...claims, sub: row?.subject })
    },
    'AZ-15 a subject in another case': () => forge({ alg: 'HS256' }, { ...claims, sub: 'OWNA' }),
    'AZ-15 a subject with a space behind': () => forge({ alg: 'HS256' }, { ...claims, sub: 'ownA ' }),
    'AZ-15 a subject with a look-alike letter': () => forge({ alg: 'HS256' }, { ...claims, sub: 'оwnA' }),
  }
  test('the forger makes tokens that are accepted when nothing is wrong with them', async () => {
    expect((await server.post({ query: '{ apps { id } }' }, { authorization: forge({ alg: 'HS256' }, claims) })).status).toBe(200)
  })
  for (const [what, make] of Object.entries(bad)) {
    test(`${what}`, async () => {
      const authorization = await make()
      const response = await server.post({ query: '{ apps { id } }' }, authorization === null ? null : { authorization })
      expect(response.status).toBe(401)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(await response.json()).toEqual({
        errors: [
          { message: 'Send a valid, unexpired token of a member of an organization as "Authorization: Bearer …".', extensions: { code: 'UNAUTHENTICATED' } },
        ],
      })
      for (const subscribe of Object.values(transports)) {
        const stream = subscribe(server, 'subscription { keyCounts { total } }', {}, authorization)
        expect((await stream.next())?.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED')
        await stream.end()
      }
    })
  }
})

test('TN-09 an owner of one organization who is a plain member of another acts there as a plain member', async () => {
  await addMember(server.app.ports, company.members.ownB, { subject: 'ownA', name: 'guest', role: 'MEMBER' })
  const guest = { subject: 'ownA', organization: 'b' }
  expect(codesOf(await server.graphql(CreateApiKeyDocument, { input: { instanceId: company.J1, name: 'x', expiresInDays: 1 } }, guest))).toEqual(['NOT_FOUND'])
  expect(dataOf(await server.graphql(ApiKeysDocument, {}, guest)).apiKeys.totalCount).toBe(0)
  // A token that names no organization needs the header as soon as there are two.
  const bearer = forge({ alg: 'HS256' }, { sub: 'ownA', iss: 'aura-keys', exp: Math.floor(Date.now() / 1000) + 60 })
  const ask = async (headers: Record<string, string>) =>
    (await server.post({ query: '{ viewer { organization { slug } } }' }, { authorization: bearer }, headers)).json()
  expect(codesOf((await ask({})) as never)).toEqual(['UNAUTHENTICATED'])
  expect(await ask({ 'x-aura-organization': 'b' })).toEqual({ data: { viewer: { organization: { slug: 'b' } } } })
})

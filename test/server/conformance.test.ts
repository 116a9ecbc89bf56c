import { serverAudits } from 'graphql-http'
import { describe, expect, test } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const authorization = `Bearer ${await server.token('ownA', 'a')}`

const auditsWith = (headers: Record<string, string>) =>
  serverAudits({
    url: () => `${server.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), authorization, ...headers } }),
  })

/** A browser sends cookies by itself: with one, a GET without such a header is refused. The audits of GET, all optional, do not know it. */
const notices = ['5A70', '6A70', 'D6D5']

for (const [name, headers, expected] of [
  ['with the header that a GET with a cookie needs', { cookie: 'a=b', 'x-graphql-csrf': '1' }, []],
  ['with what the audits send by themselves', {}, []],
  ['with a cookie', { cookie: 'a=b' }, notices],
] as const) {
  describe(name, () => {
    const audits = auditsWith(headers)
    test('HP-01 all audits are there', () => {
      expect(new Set(audits.map(({ id }) => id)).size).toBe(61)
    })
    for (const audit of audits) {
      test(`HP-01 ${audit.id} ${audit.name}`, async () => {
        const result = await audit.fn()
        const want = expected.some((id) => id === audit.id) ? 'notice' : 'ok'
        if (result.status !== want) throw new Error(`${result.status}: ${'reason' in result ? result.reason : ''}`)
      })
    }
  })
}

test('HP-15 the fields of an answer are in the order of the document, whichever of them are ready first', async () => {
  const { id } = await company.createKey('ownA', company.I1)
  const documents = [
    `mutation { revokeApiKey(input: { id: "${id}", acknowledged: true }) { apiKey { status id } propagation { waitedMs nodes } } }`,
    `{ instance(id: "${company.I1}") { keyCounts { total active } name apiKeys(first: 1) { edges { cursor node { createdBy { name } id } } } id } viewer { member { name } } }`,
  ]
  for (const query of documents) {
    const text = await (await server.post({ query }, { authorization })).text()
    const selected = query.replaceAll(/\([^)]*\)|mutation/g, '').match(/\w+/g)
    expect([...text.matchAll(/"(\w+)":/g)].map(([, name]) => name)).toEqual(['data', ...(selected ?? [])])
  }
})

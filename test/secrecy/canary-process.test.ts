import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { signToken } from '../../src/authentication/tokens.ts'
import { CreateApiKeyDocument, RevealSecretDocument } from '../generated/operations.ts'
import { createHome, onPostgres } from '../support/processes.ts'
import { authSecret } from '../support/server.ts'
import { filesWith, hits } from './search.ts'

const secrets = { AUTH_SECRET: authSecret, KEY_PEPPER: randomBytes(32).toString('base64'), SECRETS_KEK: randomBytes(32).toString('base64') }

test('KS-02 a real server that makes, reveals and refuses keys prints none of them at level trace, nor any secret that it was given', {
  timeout: 180_000,
}, async () => {
  const home = await createHome({ LOG_LEVEL: 'trace', ...secrets })
  const { url } = home
  const hidden: string[] = Object.values(secrets)
  try {
    const { child, printed: parts, exited } = await home.serve()
    const claims = { organizationClaim: 'org', organization: 'demo', subject: 'owner@demo.example', ttl: '1h' }
    const token = await signToken(new TextEncoder().encode(authSecret), claims)
    const forged = await signToken(new TextEncoder().encode('another secret, which is as long as it must be'), claims)
    hidden.push(token, forged)
    const post = async (query: { toString(): string }, variables: object = {}, bearer = token) =>
      (
        await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
          body: JSON.stringify({ query: query.toString(), variables }),
        })
      ).json()
    const { data } = (await post('{ app(slug: "analyst") { instances(first: 1) { edges { node { id } } } } }')) as {
      data: { app: { instances: { edges: { node: { id: string } }[] } } }
    }
    const instanceId = data.app.instances.edges[0]?.node.id ?? ''
    type Made = { data: { createApiKey: { plaintext: string | null; saveToken: string | null; secret: { id: string } | null } } }
    for (let turn = 0; turn < 4; turn++) {
      const input = { instanceId, name: 'canary', expiresInDays: 9 }
      const shown = ((await post(CreateApiKeyDocument, { input })) as Made).data.createApiKey
      const saved = ((await post(CreateApiKeyDocument, { input: { ...input, saveAsSecret: { name: `canary_${turn}` } } })) as Made).data.createApiKey
      const revealed = (await post(RevealSecretDocument, { input: { id: saved.secret?.id } })) as { data: { revealSecret: { value: string } } }
      const key = shown.plaintext ?? ''
      hidden.push(key, shown.saveToken?.split('.')[2] ?? '', revealed.data.revealSecret.value)
      // Refused, with the key where it does not belong.
      await post('{ apps { id } }', {}, key)
      await post('{ apps { id } }', {}, forged)
      await post(`mutation { ${key}: revokeApiKey(input: { id: "${key}", acknowledged: true }) { apiKey { id } } }`)
      await post(`{ apps { id ${key} } }`)
      const verified = await fetch(`${url}/v1/verify`, { method: 'POST', body: JSON.stringify({ key, instanceId }) })
      expect(await verified.json()).toMatchObject({ valid: true })
      await fetch(`${url}/v1/verify`, { method: 'POST', body: key })
    }
    hidden.push(await (await fetch(`${url}/metrics`)).text().then((text) => (hits(text, hidden).length > 0 ? text : token)))
    child.kill('SIGTERM')
    await exited
    const printed = parts.join('')
    expect(hidden.length).toBe(3 + 2 + 4 * 3 + 1)
    expect(hidden.at(-1)).toBe(hidden[3])
    // There is a log, and it tells of the refusals.
    expect(printed).toContain('"refused"')
    expect(printed).toContain('[redacted]')
    expect(hits(printed, hidden)).toEqual([])
    expect(printed).not.toMatch(/aura_[0-9a-z]{26}_/)
    const { read, found } = filesWith(home.folder, hidden)
    expect(found).toEqual([])
    expect(read > 200).toBe(!onPostgres)
  } finally {
    await home.remove()
  }
})

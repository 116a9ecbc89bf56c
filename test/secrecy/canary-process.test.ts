import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, expect, inject, test } from 'vitest'
import { signToken } from '../../src/access/tokens.ts'
import { CreateApiKeyDocument, RevealSecretDocument } from '../generated/operations.ts'
import { freePort, withDatabase } from '../support/postgres.ts'
import { authSecret } from '../support/server.ts'
import { filesWith, hits } from './search.ts'

const onPostgres = process.env['TEST_STORE'] === 'postgresql'
const database = `canary_${randomBytes(6).toString('hex')}`
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-canary-'))
const secrets = { AUTH_SECRET: authSecret, KEY_PEPPER: randomBytes(32).toString('base64'), SECRETS_KEK: randomBytes(32).toString('base64') }

async function admin(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  await client.query(sql)
  await client.end()
}

afterAll(async () => {
  if (onPostgres) await admin(`DROP DATABASE ${database} WITH (FORCE)`)
  rmSync(folder, { recursive: true, force: true })
})

test('KS-02 a real server that makes, reveals and refuses keys prints none of them at level trace, nor any secret that it was given', {
  timeout: 180_000,
}, async () => {
  if (onPostgres) await admin(`CREATE DATABASE ${database}`)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATA_DIR: folder,
    LOG_LEVEL: 'trace',
    ...secrets,
    ...(onPostgres ? { DATABASE_URL: withDatabase(inject('postgresUrl'), database) } : {}),
  }
  const child = spawn(process.execPath, ['dist/main.js', 'serve', '--demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const exited = new Promise((resolve) => child.once('close', resolve))
  const hidden: string[] = Object.values(secrets)
  try {
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (part: Buffer) => {
          printed += part
          if (printed.includes('serves at')) resolve()
        })
      }
      child.once('exit', () => reject(new Error(`the server ended: ${printed}`)))
    })
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
  } finally {
    child.kill('SIGTERM')
    await exited
  }
  expect(hidden.length).toBe(3 + 2 + 4 * 3 + 1)
  expect(hidden.at(-1)).toBe(hidden[3])
  // There is a log, and it tells of the refusals.
  expect(printed).toContain('"refused"')
  expect(printed).toContain('[redacted]')
  expect(hits(printed, hidden)).toEqual([])
  expect(printed).not.toMatch(/aura_[0-9a-z]{26}_/)
  const { read, found } = filesWith(folder, hidden)
  expect(found).toEqual([])
  expect(read > 500).toBe(!onPostgres)
})

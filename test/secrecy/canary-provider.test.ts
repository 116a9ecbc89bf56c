import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createCompany } from '../support/company.ts'
import { startServer } from '../support/server.ts'
import { transports } from '../support/subscribe.ts'
import { dump, hits } from './search.ts'

test("KS-02 an identity provider's tokens, good ones and refused ones, are in no answer, log line, metric or table", async () => {
  const [known, stranger] = [await generateKeyPair('RS256', { extractable: true }), await generateKeyPair('RS256', { extractable: true })]
  const keys = { keys: [{ ...(await exportJWK(known.publicKey)), kid: 'known', alg: 'RS256', use: 'sig' }] }
  let down = true
  const provider = createServer((_request, response) => response.writeHead(down ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(keys)))
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', () => resolve()))
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  const logged: string[] = []
  const stream = new Writable({
    write: (part, _encoding, done) => {
      logged.push(String(part))
      done()
    },
  })
  const server = await startServer({ AUTH_JWKS_URL: issuer, AUTH_ISSUER: issuer, AUTH_AUDIENCE: 'keys' }, pino({ level: 'trace' }, stream))
  await createCompany(server)

  const sign = (change: { key?: CryptoKey; kid?: string; audience?: string; expires?: number; subject?: string } = {}): Promise<string> =>
    new SignJWT({ org: 'a' })
      .setProtectedHeader({ alg: 'RS256', kid: change.kid ?? 'known', typ: 'JWT' })
      .setSubject(change.subject ?? 'ownA')
      .setIssuer(issuer)
      .setAudience(change.audience ?? 'keys')
      .setExpirationTime(Math.floor(server.time.now.getTime() / 1000) + (change.expires ?? 600))
      .sign(change.key ?? known.privateKey)
  const good = await sign()
  const bad = [
    await sign({ key: stranger.privateKey }),
    await sign({ key: stranger.privateKey, kid: 'unknown' }),
    await sign({ audience: 'others' }),
    await sign({ expires: -600 }),
    await sign({ subject: 'nobody of ours' }),
    good.slice(0, -2),
    `${good.split('.').slice(0, 2).join('.')}.`,
  ]
  const answers: string[] = []
  const ask = async (token: string): Promise<number> => {
    const response = await server.post({ query: '{ apps { id } }' }, { authorization: `Bearer ${token}` })
    answers.push(JSON.stringify([...response.headers]), await response.text())
    for (const subscribe of Object.values(transports)) {
      const answer = subscribe(server, '{ apps { id } }', {}, `Bearer ${token}`)
      answers.push(JSON.stringify(await answer.next()))
      await answer.end()
    }
    return response.status
  }
  // While the provider does not answer, no token can be judged, which is logged.
  await ask(good)
  expect(logged.some((line) => line.includes('could not be read'))).toBe(true)
  down = false
  expect(await ask(good)).toBe(200)
  for (const token of bad) expect(await ask(token)).toBe(401)
  answers.push(await (await fetch(`${server.url}/metrics`)).text())
  expect(logged.some((line) => line.includes('"refused"'))).toBe(true)
  expect(answers).toHaveLength(9 * 4 + 1)
  // A token cut short is looked for whole: its parts stand in the others.
  const hidden = [good, ...bad.slice(0, 5)].flatMap((token) => [token, token.split('.')[2] ?? ''])
  for (const answer of answers) expect(hits(answer, hidden), answer).toEqual([])
  expect(hits(logged.join('\n'), hidden)).toEqual([])
  expect(hits(await dump(server), hidden)).toEqual([])
  await server.close()
  provider.closeAllConnections()
  provider.close()
})

import { generateKeyPair, SignJWT } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import { rememberTokens } from '../../src/authentication/remembered-tokens.ts'
import { createSecretVerifier, signToken } from '../../src/authentication/tokens.ts'
import { unauthenticated } from '../../src/errors.ts'

afterEach(() => vi.useRealTimers())

/** Verifies every token but `bad…`, counts how often, and takes `exp` from the text. */
function counting(at: { now: Date }, skewSeconds = 0) {
  let calls = 0
  let beforeAnswer = (): void => undefined
  const memory = rememberTokens(
    async (token) => {
      calls++
      await Promise.resolve()
      beforeAnswer()
      if (token.startsWith('bad')) throw unauthenticated()
      return { sub: 'somebody', exp: Number(token.split('.')[1]) }
    },
    { now: () => at.now, skewSeconds },
  )
  return {
    ...memory,
    get calls() {
      return calls
    },
    whileVerifying: (act: () => void) => {
      beforeAnswer = act
    },
  }
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000)

test('RD-07 a valid token is verified once in five minutes, an invalid one each time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const at = { now: new Date() }
  const tokens = counting(at)
  const token = `good.${seconds(at.now) + 3_600}`
  for (let index = 0; index < 10; index++) await tokens.verify(token)
  expect(tokens.calls).toBe(1)
  for (let index = 0; index < 3; index++) await expect(tokens.verify('bad.1')).rejects.toThrow()
  expect(tokens.calls).toBe(4)
  expect(tokens.known('bad.1')).toBeNull()
  vi.advanceTimersByTime(299_000)
  expect(tokens.known(token)).not.toBeNull()
  await tokens.verify(token)
  expect(tokens.calls).toBe(4)
  vi.advanceTimersByTime(1_000)
  expect(tokens.known(token)).toBeNull()
  await tokens.verify(token)
  expect(tokens.calls).toBe(5)
})

test.each([0, 5])('RD-07 the end of a token counts at each use, with %i seconds of patience', async (skewSeconds) => {
  const at = { now: new Date() }
  const tokens = counting(at, skewSeconds)
  const exp = seconds(at.now) + 60
  const token = `good.${exp}`
  await tokens.verify(token)
  at.now = new Date((exp + skewSeconds) * 1_000 - 1)
  await tokens.verify(token)
  expect(tokens.calls).toBe(1)
  expect(tokens.known(token)).not.toBeNull()
  at.now = new Date((exp + skewSeconds) * 1_000)
  expect(tokens.known(token)).toBeNull()
  await tokens.verify(token)
  expect(tokens.calls).toBe(2)
})

test('RD-07 when keys change all tokens are verified again, also those that were being verified', async () => {
  const at = { now: new Date() }
  const tokens = counting(at)
  const token = `good.${seconds(at.now) + 60}`
  await tokens.verify(token)
  tokens.forget()
  await tokens.verify(token)
  expect(tokens.calls).toBe(2)
  tokens.forget()
  expect(tokens.known(token)).toBeNull()
  tokens.whileVerifying(tokens.forget)
  await tokens.verify(token)
  tokens.whileVerifying(() => undefined)
  await tokens.verify(token)
  expect(tokens.calls).toBe(4)
})

test('RD-07 tokens of any number stay within their memory', async () => {
  const at = { now: new Date() }
  const tokens = counting(at)
  const exp = seconds(at.now) + 3_600
  await tokens.verify(`first.${exp}`)
  for (let index = 0; index < 12_000; index++) await tokens.verify(`${'x'.repeat(200)}${index}.${exp}`)
  const before = tokens.calls
  await tokens.verify(`first.${exp}`)
  expect(tokens.calls).toBe(before + 1)
})

test('RD-07 a token under the secret of the server ends on time, and no other token takes its place', async () => {
  const secret = new TextEncoder().encode('a secret of at least thirty-two characters')
  const at = { now: new Date('2026-11-29T12:00:00Z') }
  const { verify, known } = createSecretVerifier(secret, () => at.now)
  const sign = (subject: string) => signToken(secret, { subject, organization: 'a', organizationClaim: 'org', ttl: new Date('2026-11-29T12:01:00Z') })
  const [one, two] = [await sign('one'), await sign('two')]
  for (let round = 0; round < 2; round++)
    for (const [token, sub] of [
      [one, 'one'],
      [two, 'two'],
    ] as const)
      expect((await verify(token)).sub).toBe(sub)
  expect(known(one)?.sub).toBe('one')
  await expect(verify(`${one}x`)).rejects.toThrow()
  expect(known(`${one}x`)).toBeNull()
  const { privateKey } = await generateKeyPair('RS256')
  const foreign = await new SignJWT({ org: 'a' }).setProtectedHeader({ alg: 'RS256' }).setSubject('one').setExpirationTime('1h').sign(privateKey)
  await expect(verify(foreign)).rejects.toThrow()
  expect(known(foreign)).toBeNull()
  at.now = new Date('2026-11-29T12:01:00Z')
  await expect(verify(one)).rejects.toThrow()
  expect(known(one)).toBeNull()
})

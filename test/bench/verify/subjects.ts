import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install, type Server, startSmallServer } from '../processes.ts'
import type { Subject } from './compare.ts'
import { createPlace, newKey, type Place } from './place.ts'

/** Once, when it is first needed. */
function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** What a server answers for the first key of the place, and with which headers, without those that Node adds by itself. */
function firstAnswer({ url }: Server, place: Place): Promise<Record<'HEADERS' | 'ANSWER', string>> {
  const body = JSON.stringify({ key: readFileSync(place.file, 'latin1').slice(0, 81), instanceId: place.instanceId })
  return new Promise((resolve) => {
    request(`${url}/v1/verify`, { method: 'POST', agent: false }, async (response) => {
      const ANSWER = (await response.setEncoding('utf8').toArray()).join('')
      const { rawHeaders } = response
      const own = rawHeaders.filter((_, index) => !/^(date|connection|keep-alive)$/i.test(String(rawHeaders[index - (index % 2)])))
      resolve({ HEADERS: JSON.stringify(own), ANSWER })
    }).end(body)
  })
}

/** The servers and their keys, each made when it is first needed. */
export function createSubjects(postgresUrl: string) {
  const places: Place[] = []
  const place = (url: string | null, count: number) =>
    once(async () => {
      const made = await createPlace(url, count)
      places.push(made)
      return made
    })
  const [few, some, many, embedded] = [place(postgresUrl, 1_000), place(postgresUrl, 10_000), place(postgresUrl, 1_000_000), place(null, 10_000)]
  const server = (of: () => Promise<Place>, more?: Record<string, string>) => once(async () => (await of()).start(more))
  const onSome = server(some)
  const answer = once(async () => firstAnswer(await onSome(), await some()))
  const ceiling = (of: () => Promise<Place>) =>
    once(async () => {
      const { file: KEYS, instanceId } = await of()
      const { ANSWER } = await answer()
      return startSmallServer('verify/ceiling.mjs', [], { KEYS, ANSWER: JSON.stringify({ ...JSON.parse(ANSWER), instanceId }) })
    })
  const betterAuth = once(async () => {
    install('better-auth')
    const { file: KEYS, url } = await some()
    return startSmallServer('better-auth/server.mjs', [], { KEYS, DATABASE_URL: url })
  })
  type By = readonly [() => Promise<Place>, () => Promise<Server>]
  const subject = (name: string, keys: number, [of, by]: By, more: Partial<Subject> = {}) => ({
    name,
    keys,
    make: async (): Promise<Subject> => ({ name, keys, place: await of(), server: await by(), warm: keys > 10_000 ? 0 : keys, ...more }),
  })
  const [onFew, onMany, more] = [server(few), server(many), { VERIFY_CACHE_ENTRIES: '1000000' }]
  const both = (name: string, by: By, how?: Partial<Subject>) => [subject(name, 1, by, how), subject(name, 10_000, by, how)]
  const ceilingOfSome = ceiling(some)
  // What it lets through it answers without a body.
  const authorize = { kind: 'authorize', expected: '' } as const
  return {
    bare: subject('bare node:http', 1, [some, once(async () => startSmallServer('verify/bare.mjs', [], await answer()))]),
    ceilings: [...both('ceiling', [some, ceilingOfSome]), subject('ceiling', 1_000_000, [many, ceiling(many)])],
    others: [
      ...both('aura-keys', [some, onSome]),
      ...both('aura-keys, a denial a second', [some, onSome], { denials: true }),
      ...both('aura-keys, VERIFY_REUSE_MS=0', [some, server(some, { VERIFY_REUSE_MS: '0' })]),
      ...both('aura-keys, embedded', [embedded, server(embedded)]),
      ...both('aura-keys, /v1/authorize', [some, onSome], authorize),
      ...both('better-auth', [some, betterAuth], { warm: 0 }),
      subject('aura-keys', 1_000_000, [many, onMany]),
      subject('aura-keys, VERIFY_CACHE_ENTRIES=1000000', 1_000_000, [many, server(many, more)]),
    ],
    misses: [subject('1,000', 1_000, [few, onFew], { kind: 'fresh', warm: 0 }), subject('1,000,000', 1_000_000, [many, onMany], { kind: 'fresh', warm: 0 })],
    /** A file of keys that nobody made. */
    junk: (): string => {
      const file = join(mkdtempSync(join(tmpdir(), 'aura-keys-bench-')), 'junk')
      writeFileSync(file, Array.from({ length: 50_000 }, () => `${newKey().text}\n`).join(''))
      return file
    },
    valid: subject('valid', 100, [few, onFew]),
    close: async () => {
      for (const each of places) await each.close()
    },
  }
}

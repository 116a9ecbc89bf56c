import { get } from 'node:http'
import { alternate } from '../alternate.ts'
import { cpuMicros, postgresMicros, residentKb, type Server } from '../processes.ts'
import type { Clients, Measured, Questions } from './clients.ts'
import type { Place } from './place.ts'

export const seconds = Number(process.env['VERIFY_SECONDS'] ?? 3)
export const rounds = Number(process.env['VERIFY_ROUNDS'] ?? 5)

/** Who is asked, and for which keys. */
export interface Subject {
  readonly name: string
  readonly server: Server
  readonly place: Place
  /** How many of the keys are in use. */
  readonly keys: number
  /** For how many of them it is asked once before each round. */
  readonly warm: number
  readonly kind?: Questions['kind']
  /** What a right answer has in it, where that is not that the key is valid. */
  readonly expected?: string
  /** Whether a key of the organization is revoked each second. */
  readonly denials?: boolean
}

/** What one round says of one subject. */
export interface Figures extends Measured {
  readonly perSecond: number
  /** CPU per request, of the server and of PostgreSQL, in microseconds. */
  readonly server: number
  readonly postgres: number
  /** Of all verifications, those for which no key was read, in percent; NaN where the server does not say so. */
  readonly hits: number
  readonly residentMb: number
}

const textOf = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { agent: false }, async (response) => resolve((await response.setEncoding('utf8').toArray()).join(''))).on('error', reject)
  })

/** What the server counted so far: verifications, and keys that it read for them. */
async function counted({ url }: Server): Promise<{ verified: number; read: number }> {
  const text = await textOf(`${url}/metrics`)
  const total = (line: RegExp): number => [...text.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0)
  return {
    verified: total(/^aura_keys_verifications_total\{.*\} (\d+)/gm),
    read: total(/^aura_keys_verification_reads_total\{lane="(?:known|unknown)"\} (\d+)/gm),
  }
}

/** Asks for each of so many keys once. */
export async function warm({ server, place, keys, kind = 'verify', expected = '"valid":true' }: Subject, clients: Clients, count: number): Promise<void> {
  const questions = { url: server.url, kind, file: place.file, count: keys, instanceId: place.instanceId, expected }
  await clients.open({ ...questions, connections: 64, warm: count })
  await clients.close()
}

async function measure(subject: Subject, clients: Clients, connections: number, postgres: number): Promise<Figures> {
  const { server, place, keys, kind = 'verify', expected = '"valid":true', denials = false } = subject
  await warm(subject, clients, subject.warm)
  await clients.open({ url: server.url, kind, file: place.file, count: keys, instanceId: place.instanceId, expected, connections, warm: 300 })
  const denying = denials ? setInterval(place.deny, 1_000) : undefined
  const [before, cpu, database] = [await counted(server), cpuMicros(server), postgresMicros(postgres)]
  const measured = await clients.run({ seconds })
  const { requests, wrong } = measured
  const spent = { server: (cpuMicros(server) - cpu) / requests, postgres: (postgresMicros(postgres) - database) / requests }
  clearInterval(denying)
  const after = await counted(server)
  await clients.close()
  if (wrong > 0) throw new Error(`${subject.name}: ${wrong} of ${requests} answers were wrong`)
  const hits = 100 * (1 - (after.read - before.read) / (after.verified - before.verified))
  return { ...measured, ...spent, perSecond: requests / measured.seconds, hits, residentMb: residentKb(server) / 1_000 }
}

/** Measures all of them in turn, as `alternate` says. */
export const compare = (subjects: readonly Subject[], clients: Clients, connections: number, postgres: number): Promise<Map<Subject, Figures[]>> =>
  alternate(subjects, rounds, (subject) => measure(subject, clients, connections, postgres))

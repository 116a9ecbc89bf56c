import { existsSync, realpathSync, statfsSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'

/** One setting: how its text is read, and its line in docs/settings.md. */
export interface Setting<Reads extends z.ZodType = z.ZodType> {
  readonly reads: Reads
  /** What the text is, with its unit. */
  readonly value: string
  /** What applies without the setting, if that is not the default of `reads`. */
  readonly unset?: string
  readonly effect: string
}

/** A whole number; `effect` says what it does. */
export function count(least: number, most: number, unset: number, unit: string, effect: string) {
  const problem = `must be a whole number from ${least} to ${most}`
  const reads = z
    .string()
    .regex(/^\d{1,9}$/, problem)
    .transform(Number)
    .refine((value) => value >= least && value <= most, problem)
    .default(unset)
  return { reads, value: `${unit}, ${least} to ${most}`, effect }
}

/** Returns the 32 bytes of a secret in base64; null for any other text. */
export const secretBytes = (text: string): Uint8Array | null => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text ? new Uint8Array(bytes) : null
}

export const secretList = z
  .string()
  .transform((text) => text.split(',').map((part) => secretBytes(part.trim())))
  .refine((list) => list.every((bytes) => bytes !== null), 'must be 32 bytes in base64, or several of these with commas between them, the current one first')
  .transform((list) => list as Uint8Array[])

/** The database function that deletes events keeps younger ones. */
export const minAuditDays = 30

/** Whether a text is an origin and nothing more; its case, default port and brackets do not count. */
const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin !== 'null' && /^[a-z]+:\/\/[^/?#@]+$/i.test(text)

export const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((list) => list.every(isOrigin), 'must be origins such as https://portal.example, with commas between them')
  .transform((list) => list.map((origin) => new URL(origin).origin))

/** Returns the addresses and blocks as one list; null if one of them is neither, or is the block of all addresses. */
function addressList(text: string): BlockList | null {
  const list = new BlockList()
  for (const part of text.split(',')) {
    const [, address = '', prefix] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(part.trim()) ?? []
    const version = isIP(address)
    const bits = version === 4 ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    if (version === 0 || length < 1 || length > bits) return null
    list.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

export const addresses = z
  .string()
  .transform(addressList)
  .refine((list) => list !== null, 'must be addresses or blocks such as 10.0.0.5 or 10.0.0.0/8, with commas between them, and not the block of all addresses')
  .transform((list) => list as BlockList)

/** Plain HTTP is safe on this machine only: elsewhere an attacker on the network could send their own keys. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

/** High enough to mean no limit. */
export const maxPerMinute = 1_000_000

/** Whether every % begins two hexadecimal digits that stand for a text. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** What is wrong with the URL of a PostgreSQL; null if nothing is. */
export function postgresUrlProblem(text: string): string | null {
  const [, rest = ''] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text) ?? []
  const [authority = ''] = rest.split(/[/?#]/, 1)
  const hidden = rest.slice(authority.length)
  // An @ after the first of these ends the password, unless a parameter has it.
  if (authority !== '' && /@/.test(hidden.replace(/[?&][^?&=#/@]+=[^&#/]*/g, ''))) {
    return 'has a #, / or ? in its user or password: write %23, %2F or %3F'
  }
  if (rest === '' || !URL.canParse(text)) return 'must be a URL postgresql://…'
  const { username, password, searchParams } = new URL(text)
  if (!isDecodable(username) || !isDecodable(password)) return 'has a % in its user or password: write %25'
  const schema = searchParams.get('schema')
  if (schema !== null && schema !== 'public')
    return 'has schema=…, which is not supported: the tables are in the schema public. Give aura-keys a database of its own'
  return null
}

/** The URL of a PostgreSQL; `other` says what may stand there instead. */
export const postgresUrl = (other: string, isOther: (text: string) => boolean = () => false) =>
  z.string().superRefine((text, context) => {
    const problem = isOther(text) ? null : postgresUrlProblem(text)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem.startsWith('must') ? `${problem}${other}` : problem })
  })

/** What is wrong between the settings of the identity provider. */
export function providerProblems(given: Readonly<Record<string, string | undefined>>): string[] {
  const hasProvider = given['AUTH_JWKS_URL'] !== undefined
  const isGiven = (name: string): boolean => given[name] !== undefined
  const problems: string[] = []
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE']) {
    if (hasProvider && !isGiven(name)) problems.push(`${name} must be set when AUTH_JWKS_URL is: the tokens of the provider are checked against it`)
  }
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE', 'AUTH_CLIENT_ID', 'AUTH_CLIENT_SECRET']) {
    if (!hasProvider && isGiven(name)) problems.push(`${name} has no effect without AUTH_JWKS_URL`)
  }
  if (hasProvider && isGiven('AUTH_CLIENT_SECRET') && !isGiven('AUTH_CLIENT_ID')) problems.push('AUTH_CLIENT_SECRET has no effect without AUTH_CLIENT_ID')
  if (hasProvider && isGiven('AUTH_SECRET')) problems.push('AUTH_SECRET must not be set when AUTH_JWKS_URL is: only one of them can sign tokens')
  return problems
}

/** The numbers of procfs and sysfs. */
const kernelFileSystems = [0x9fa0, 0x62656572]

/** Whether a folder can be made there and hold files. It cannot in what the kernel shows as files, where making a folder may never return. */
export function canHoldFiles(path: string): boolean {
  let there = resolve(path)
  while (!existsSync(there)) there = dirname(there)
  there = realpathSync(there)
  if (there === '/') return resolve(path) !== '/'
  return !/^\/(proc|sys|dev(?!\/shm(\/|$)))(\/|$)/.test(there) && !kernelFileSystems.includes(statfsSync(there).type)
}

import { BlockList, isIP } from 'node:net'
import { z } from 'zod'

/** One setting: how its text is read, and its line in the README. */
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

export const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine(
    (list) => list.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must be origins such as https://portal.example, with commas between them',
  )

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

export const isPostgresUrl = (text: string): boolean => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text)

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

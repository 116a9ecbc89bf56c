import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { isId } from './ids.ts'
import { isSlug } from './names.ts'

/** Bad settings: every problem in one message, never a value. The process ends with code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    )
  }
}

const count = (least: number, most: number, unset: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be a whole number from ${least} to ${most}`)
    .default(unset)

/** Reads one 32-byte secret in base64. */
export const secretBytes = (text: string): Uint8Array | null => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text ? new Uint8Array(bytes) : null
}

const secretList = z
  .string()
  .transform((text) => text.split(',').map((part) => secretBytes(part.trim())))
  .refine((list) => list.every((bytes) => bytes !== null), 'must be 32 bytes in base64, or several of them with commas between, the current one first')
  .transform((list) => list as Uint8Array[])

/** The database itself deletes no event that is younger, whoever asks: a migration says so. */
const minAuditDays = 30

const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine(
    (list) => list.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must be origins such as https://portal.example, with commas between',
  )

/** The addresses and blocks as one list; null when one of them is neither, or is everybody. */
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

const addresses = z
  .string()
  .transform(addressList)
  .refine((list) => list !== null, 'must be addresses or blocks of addresses such as 10.0.0.5 or 10.0.0.0/8, with commas between, and not everybody')
  .transform((list) => list as BlockList)

/** Over plain HTTP anybody on the way could answer with keys of their own. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

/** As good as no limit. */
const maxPerMinute = 1_000_000

const settings = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: count(0, 65_535, 4000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .refine((text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text), 'must be a URL postgresql://…, or unset for the embedded database')
    .optional(),
  DATABASE_LISTEN_URL: z
    .string()
    .refine(
      (text) => text === 'off' || (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)),
      'must be a URL postgresql://… for a direct connection, or off',
    )
    .optional(),
  DATA_DIR: z.string().default('.data'),
  AUTH_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  AUTH_JWKS_URL: z
    .string()
    .refine(isSafeUrl, "must be the https:// URL of the identity provider's keys; http:// only on this machine, such as http://127.0.0.1:9000/jwks")
    .optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_ORG_CLAIM: z.string().default('org'),
  AUTH_DEFAULT_ORGANIZATION: z
    .string()
    .refine((text) => isSlug(text) || isId(text, 'org'), 'must be the slug of an organization, such as acme, or its id org_…')
    .optional(),
  KEY_PEPPER: secretList.optional(),
  SECRETS_KEK: secretList.optional(),
  MAX_KEY_LIFETIME_DAYS: count(1, 36_500, 365),
  EVENT_RETENTION_DAYS: count(1, 36_500, 90),
  AUDIT_RETENTION_DAYS: z
    .string()
    .refine(
      (text) => text === 'never' || (/^[1-9]\d{1,4}$/.test(text) && Number(text) >= minAuditDays),
      `must be a whole number of days from ${minAuditDays} to 99999, or never`,
    )
    .transform((text) => (text === 'never' ? null : Number(text)))
    .default(null),
  DOCUMENT_CACHE_BYTES: count(1_000_000, 999_999_999, 10_000_000),
  VERIFY_REUSE_MS: count(0, 50, 50),
  VERIFY_CACHE_ENTRIES: count(1, 100_000_000, 100_000),
  GATEWAY_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
  ALLOWED_ORIGINS: origins.default([]),
  SERVE: z.enum(['all', 'graphql', 'verification'], 'must be one of all, graphql, verification').default('all'),
  OPERATION_TIMEOUT_MS: count(100, 600_000, 10_000),
  MAX_OPERATIONS_PER_MEMBER: count(1, 1_000, 4),
  MAX_QUEUED_OPERATIONS_PER_MEMBER: count(0, 100_000, 100),
  TRUSTED_PROXIES: addresses.default(() => new BlockList()),
  FAILED_CREDENTIALS_PER_MINUTE: count(1, maxPerMinute, 60),
  WRONG_GATEWAY_TOKENS_PER_MINUTE: count(1, maxPerMinute, 60),
  KEY_CREATIONS_PER_MINUTE: count(1, maxPerMinute, 600),
  SECRET_REVEALS_PER_MINUTE: count(1, maxPerMinute, 120),
  SECRET_NAME_CONFLICTS_PER_MINUTE: count(1, maxPerMinute, 10),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be one of trace, debug, info, warn, error, fatal, silent')
    .default('info'),
  WS_MAX_SOCKETS_PER_MEMBER: count(1, 100_000, 20),
  WS_MAX_SUBSCRIPTIONS_PER_SOCKET: count(1, 10_000, 20),
  WS_MAX_MESSAGES_PER_MINUTE: count(1, 1_000_000, 200),
  WS_MAX_FRAME_BYTES: count(1024, 16_777_216, 65_536),
})

/** Who signs the tokens, when it is not this server. */
export interface Provider {
  readonly url: string
  readonly issuer: string
  readonly audience: string
}

export type Config = Readonly<z.infer<typeof settings>> & { readonly production: boolean; readonly provider: Provider | null }

/** Without these the process would serve all the same, but whoever asks, or from another database: an empty one is a mistake. */
const neverEmpty = ['GATEWAY_TOKEN', 'DATABASE_URL']

/** The settings of this process; an empty variable counts as unset, but for those of `neverEmpty`. Throws `ConfigError` with all problems at once. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const result = settings.safeParse(given)
  const problems = result.success ? [] : result.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`)
  for (const name of neverEmpty) if (environment[name] === '') problems.push(`${name} is set but empty: give it a value, or unset it`)
  if (given['DATABASE_LISTEN_URL'] !== undefined && given['DATABASE_URL'] === undefined)
    problems.push('DATABASE_LISTEN_URL has no meaning without DATABASE_URL')
  const url = given['AUTH_JWKS_URL']
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE']) {
    if (url !== undefined && given[name] === undefined) problems.push(`${name} must be set when AUTH_JWKS_URL is: whatever the tokens of the provider say`)
    if (url === undefined && given[name] !== undefined) problems.push(`${name} has no meaning without AUTH_JWKS_URL`)
  }
  if (url !== undefined && given['AUTH_SECRET'] !== undefined) problems.push('AUTH_SECRET must not be set when AUTH_JWKS_URL is: tokens come from one place')
  if (given['DATABASE_URL'] !== undefined) {
    for (const [name, hint] of [
      ['AUTH_SECRET', 'make one with: openssl rand -base64 48'],
      ['KEY_PEPPER', 'make one with: openssl rand -base64 32, and keep it: keys cannot be verified without it'],
      ['SECRETS_KEK', 'make one with: openssl rand -base64 32, and keep it: saved secrets cannot be read without it'],
    ] as const) {
      if (given[name] === undefined && !(name === 'AUTH_SECRET' && url !== undefined)) problems.push(`${name} must be set when DATABASE_URL is (${hint})`)
    }
  }
  if (!result.success || problems.length > 0) throw new ConfigError(problems)
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = result.data
  const provider = url !== undefined && issuer !== undefined && audience !== undefined ? { url, issuer, audience } : null
  return { ...result.data, production: result.data.NODE_ENV === 'production', provider }
}

import { z } from 'zod'
import { type Environment, readEnvironment } from './environment.ts'
import { providerProblems, type Setting } from './setting.ts'
import { secretSettings, settings } from './settings.ts'

/** Bad settings: one message lists every problem and repeats no value, since a value may be a secret. The process ends with code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    )
  }
}

const schema = z.object(
  Object.fromEntries(Object.entries(settings).map(([name, { reads }]) => [name, reads])) as {
    [Name in keyof typeof settings]: (typeof settings)[Name]['reads']
  },
)

/** The settings as the table of docs/settings.md. A setting with no default says what applies without it. */
export function settingsTable(): string {
  const rows = Object.entries<Setting>(settings).map(([name, { reads, value, unset, effect }]) => [
    `\`${name}\``,
    value,
    unset ?? `\`${String(reads.parse(undefined))}\``,
    effect,
  ])
  return [['variable', 'value', 'default', 'effect'], ['---', '---', '---', '---'], ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** The identity provider that signs the tokens instead of this server. */
export interface Provider {
  readonly url: string
  readonly issuer: string
  readonly audience: string
}

export type Config = Readonly<z.infer<typeof schema>> & {
  readonly production: boolean
  readonly provider: Provider | null
  /** What is probably a mistake in the environment. */
  readonly warnings: readonly string[]
}

/** An empty text here is a mistake: the process would serve anybody, or use another database. */
const neverEmpty = ['GATEWAY_TOKEN', 'DATABASE_URL']

/** Returns the settings of this process. An empty variable counts as unset, except those of `neverEmpty`. Throws a `ConfigError` that lists all problems. */
export function loadConfig(environment: Environment = process.env): Config {
  const { values: given, problems: wrong, warnings } = readEnvironment(environment, Object.keys(settings), secretSettings)
  const result = schema.safeParse(given)
  const problems = [...wrong, ...(result.success ? [] : result.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`))]
  for (const name of neverEmpty.flatMap((each) => [each, `${each}_FILE`])) {
    if (environment[name] === '') problems.push(`${name} is set but empty: give it a value, or unset it`)
  }
  if (given['DATABASE_LISTEN_URL'] !== undefined && given['DATABASE_URL'] === undefined) problems.push('DATABASE_LISTEN_URL has no effect without DATABASE_URL')
  if (given['NODE_ENV'] === 'production' && given['DATABASE_URL'] === undefined && given['ALLOW_EMBEDDED'] !== '1') {
    problems.push('DATABASE_URL must be set when NODE_ENV is production; to serve the embedded database all the same, set ALLOW_EMBEDDED=1')
  }
  const url = given['AUTH_JWKS_URL']
  problems.push(...providerProblems(given))
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
  return { ...result.data, production: result.data.NODE_ENV === 'production', provider, warnings }
}

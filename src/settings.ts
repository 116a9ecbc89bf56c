import { BlockList } from 'node:net'
import { z } from 'zod'
import { isId } from './ids.ts'
import { isSlug } from './names.ts'
import { addresses, canHoldFiles, count, isSafeUrl, maxPerMinute, minAuditDays, origins, postgresUrl, type Setting, secretList } from './setting.ts'

/** Every setting, in the order of the table in docs/settings.md. */
export const settings = {
  PORT: count(0, 65_535, 4000, 'port', 'The server listens on this port; 0 takes a free one.'),
  HOST: { reads: z.string().default('127.0.0.1'), value: 'address', effect: 'The server listens on this address.' },
  DATABASE_URL: {
    reads: postgresUrl(', or unset for the embedded database').optional(),
    value: '`postgresql://…`',
    unset: 'the embedded database',
    effect: 'The PostgreSQL database. If it is set but empty, the server does not start.',
  },
  DATABASE_LISTEN_URL: {
    reads: postgresUrl(' for a direct connection, or off', (text) => text === 'off').optional(),
    value: '`postgresql://…` or `off`',
    unset: '`DATABASE_URL`',
    effect: 'A direct connection for notifications between nodes, for a `DATABASE_URL` that is a pooler. With `off` nodes only poll, every half second.',
  },
  DATA_DIR: {
    reads: z.string().refine(canHoldFiles, 'must be a folder for files: not /, and not in /proc, /sys or /dev (but in /dev/shm)').default('.data'),
    value: 'folder',
    effect: 'Holds the embedded database, the secrets that the server makes, and the lock file.',
  },
  AUTH_SECRET: {
    reads: z.string().min(32, 'must have at least 32 characters').optional(),
    value: '32 characters or more',
    unset: 'made in `DATA_DIR`; required with `DATABASE_URL`, unless `AUTH_JWKS_URL` is set',
    effect: "Signs and checks callers' tokens.",
  },
  AUTH_JWKS_URL: {
    reads: z
      .string()
      .refine(isSafeUrl, "must be the https:// URL of the identity provider's keys; http:// only on this machine, such as http://127.0.0.1:9000/jwks")
      .optional(),
    value: '`https://…`',
    unset: '`AUTH_SECRET` signs tokens',
    effect: 'The keys of an identity provider, which then signs tokens instead of `AUTH_SECRET`.',
  },
  AUTH_ISSUER: {
    reads: z.string().optional(),
    value: 'text',
    unset: 'required with `AUTH_JWKS_URL`',
    effect: 'Tokens of the provider must have this `iss`.',
  },
  AUTH_AUDIENCE: {
    reads: z.string().optional(),
    value: 'text',
    unset: 'required with `AUTH_JWKS_URL`',
    effect: 'Tokens of the provider must have this `aud`.',
  },
  AUTH_CLIENT_ID: {
    reads: z.string().optional(),
    value: 'text',
    unset: 'nobody signs in to the portal at the provider',
    effect: 'This server as a client of the provider, for the sign-in of people. Its redirect URI there is `/portal/callback` of `PUBLIC_URL`.',
  },
  AUTH_CLIENT_SECRET: {
    reads: z.string().optional(),
    value: 'text',
    unset: 'a public client, with PKCE alone',
    effect: 'The secret of `AUTH_CLIENT_ID`.',
  },
  AUTH_ORG_CLAIM: { reads: z.string().default('org'), value: 'name of a claim', effect: 'This claim of a token names the organization.' },
  AUTH_DEFAULT_ORGANIZATION: {
    reads: z
      .string()
      .refine((text) => isSlug(text) || isId(text, 'org'), 'must be the slug of an organization, such as acme, or its id org_…')
      .optional(),
    value: 'slug or id',
    unset: 'the only organization of the server; with several, such tokens are refused',
    effect: 'A token that names no organization means this one.',
  },
  KEY_PEPPER: {
    reads: secretList.optional(),
    value: '32 bytes in base64, or several with commas between them, the current one first',
    unset: 'made in `DATA_DIR`; required with `DATABASE_URL`',
    effect: 'Keys are stored and verified under it, and cursors signed. Without it no key verifies.',
  },
  SECRETS_KEK: {
    reads: secretList.optional(),
    value: 'like `KEY_PEPPER`',
    unset: 'made in `DATA_DIR`; required with `DATABASE_URL`',
    effect: 'Encrypts the data keys of secrets. Without it no secret can be read.',
  },
  MAX_KEY_LIFETIME_DAYS: count(1, 36_500, 365, 'days', 'The end of a new key may be this far ahead.'),
  EVENT_RETENTION_DAYS: count(1, 36_500, 90, 'days', 'A feed can resume after a change of this age; after an older one it sends `RESYNC`.'),
  AUDIT_RETENTION_DAYS: {
    reads: z
      .string()
      .refine(
        (text) => text === 'never' || (/^[1-9]\d{1,4}$/.test(text) && Number(text) >= minAuditDays),
        `must be a whole number of days from ${minAuditDays} to 99999, or never`,
      )
      .transform((text) => (text === 'never' ? null : Number(text)))
      .default(null),
    value: `days, ${minAuditDays} to 99999, or \`never\``,
    unset: '`never`',
    effect: 'Entries of the audit log are deleted at this age.',
  },
  VERIFY_REUSE_MS: count(0, 50, 50, 'ms', 'How long a node verifies known keys from memory before it asks the database again; 0 asks for every request.'),
  VERIFY_CACHE_ENTRIES: count(
    1,
    100_000_000,
    100_000,
    'keys',
    'How many valid keys a node keeps in memory, in 128 MB at most; beyond it the least recently used one is removed.',
  ),
  GATEWAY_TOKEN: {
    reads: z.string().min(16, 'must have at least 16 characters').optional(),
    value: '16 characters or more',
    unset: 'anybody may call `/v1`',
    effect: 'Gateways send it to `/v1` as `X-Aura-Gateway-Token`; others get 401. If it is set but empty, the server does not start.',
  },
  ALLOWED_ORIGINS: {
    reads: origins.default([]),
    value: 'origins, with commas between them',
    unset: 'own origin',
    effect: "Browsers' pages of these origins may call the server, by CORS and WebSocket.",
  },
  PUBLIC_URL: {
    reads: z
      .string()
      .refine((text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text, 'must be an origin such as https://keys.example')
      .optional(),
    value: 'origin',
    unset: '`http://` and the Host of the request',
    effect: 'Where people open the portal, for a proxy that ends TLS or changes Host. Cookies count from this origin alone; with https they are `Secure`.',
  },
  TRUSTED_PROXIES: {
    reads: addresses.default(() => new BlockList()),
    value: 'addresses and blocks such as `10.0.0.0/8`, with commas between them',
    unset: 'no proxy; all callers behind one count as one address',
    effect: 'The server believes `X-Forwarded-For` only from these proxies.',
  },
  KEEP_ALIVE_SECONDS: count(
    1,
    3_600,
    75,
    'seconds',
    'How long the server keeps an idle connection: longer than the proxy in front of it does, which else sends requests into a closed one.',
  ),
  FAILED_CREDENTIALS_PER_MINUTE: count(
    1,
    maxPerMinute,
    60,
    'per minute',
    'How many wrong credentials an address (of IPv6: a /64) may send; after these, wrong ones get 429. A right one is never refused.',
  ),
  WRONG_GATEWAY_TOKENS_PER_MINUTE: count(1, maxPerMinute, 60, 'per minute', 'The same for wrong gateway tokens.'),
  KEY_CREATIONS_PER_MINUTE: count(1, maxPerMinute, 600, 'per minute', 'How often a member may try to create a key.'),
  SECRET_REVEALS_PER_MINUTE: count(1, maxPerMinute, 120, 'per minute', 'How often a member may try to reveal a secret.'),
  SECRET_NAME_CONFLICTS_PER_MINUTE: count(
    1,
    maxPerMinute,
    10,
    'per minute',
    "How many taken names of secrets a member may try; after these, the member's keys are not saved as secrets.",
  ),
  WS_MAX_SOCKETS_PER_MEMBER: count(
    1,
    100_000,
    20,
    'sockets',
    'How many sockets and event streams a member may have open on a node. If all subscribe at once, as after a restart, their operations wait: see `MAX_QUEUED_OPERATIONS_PER_MEMBER`.',
  ),
  WS_MAX_SUBSCRIPTIONS_PER_SOCKET: count(1, 10_000, 20, 'operations', 'How many operations may run on a socket at once.'),
  WS_MAX_MESSAGES_PER_MINUTE: count(1, 1_000_000, 200, 'per minute', 'How many messages a socket may send; after these it is closed.'),
  WS_MAX_FRAME_BYTES: count(1024, 16_777_216, 65_536, 'bytes', 'How long a frame of a socket may be; a longer one closes the socket.'),
  SERVE: {
    reads: z.enum(['all', 'graphql', 'verification'], 'must be one of all, graphql, verification').default('all'),
    value: '`graphql`, `verification` or `all`',
    effect: 'The routes of this process: all but `/v1`, `/v1` alone (so that no operation slows it down), or both.',
  },
  OPERATION_TIMEOUT_MS: count(
    100,
    600_000,
    10_000,
    'ms',
    'How long an operation may take, with its wait in the queue; then it is `UNAVAILABLE`, unless its COMMIT was sent.',
  ),
  MAX_OPERATIONS_PER_MEMBER: count(1, 1_000, 4, 'operations', 'How many operations of a member run at once.'),
  MAX_QUEUED_OPERATIONS_PER_MEMBER: count(0, 100_000, 100, 'operations', 'How many more operations of a member wait; the next one is `RATE_LIMITED`.'),
  DOCUMENT_CACHE_BYTES: count(1_000_000, 999_999_999, 10_000_000, 'bytes', 'Memory for parsed documents.'),
  KEPT_ANSWERS_BYTES: count(
    0,
    99_999_999_999,
    64_000_000,
    'bytes',
    'Memory for answers to queries, which a node sends again until something changes in the organization; 0 keeps none. An organization gets a quarter of it at most.',
  ),
  LOG_LEVEL: {
    reads: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be one of trace, debug, info, warn, error, fatal, silent')
      .default('info'),
    value: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
    effect: 'The log has lines of this level and above.',
  },
  NODE_ENV: {
    reads: z.enum(['development', 'test', 'production'], 'must be one of development, test, production').default('development'),
    value: '`development`, `test` or `production`',
    effect: '`production` turns off introspection and GraphiQL, and requires `DATABASE_URL`.',
  },
  ALLOW_EMBEDDED: {
    reads: z
      .enum(['0', '1'], 'must be 0 or 1')
      .default('0')
      .transform((text) => text === '1'),
    value: '`1`',
    unset: 'the embedded database is refused in production',
    effect: 'With `NODE_ENV=production`, serves the embedded database if `DATABASE_URL` is unset.',
  },
} satisfies Record<string, Setting>

/** Each may also be given as a file, which `<name>_FILE` names. */
export const secretSettings = [
  'DATABASE_URL',
  'DATABASE_LISTEN_URL',
  'AUTH_SECRET',
  'AUTH_CLIENT_SECRET',
  'KEY_PEPPER',
  'SECRETS_KEK',
  'GATEWAY_TOKEN',
] as const

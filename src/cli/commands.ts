import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { portalLink } from '../authentication/portal-link.ts'
import { signToken } from '../authentication/tokens.ts'
import { compose } from '../compose.ts'
import { ConfigError, loadConfig } from '../config.ts'
import { AuraError } from '../errors.ts'
import { addOwner } from '../organizations/add-owner.ts'
import { bootstrapOrganization } from '../organizations/bootstrap-organization.ts'
import { readAuthSecret } from '../server-secrets.ts'
import { WrongSchema } from '../store/applied.ts'
import { openPostgres } from '../store/client.ts'
import { BadSecretFile } from '../store/data-folder.ts'
import { WrongDatabase } from '../store/fingerprints.ts'
import { FolderInUse } from '../store/lock-holder.ts'
import { MissingRight } from '../store/rights.ts'
import { makeSearchIndexes } from '../store/search-index.ts'
import { WrongSession } from '../store/sessions.ts'
import { explainDatabase } from '../store/start-failures.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

interface Bootstrap {
  readonly org: string
  readonly owner: string
  readonly slug?: string
  readonly name?: string
}

const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replace(/^-+|-+$/g, '')

/** Commands for the database, on the machine of the server. */
function addStoreCommands(program: Command): void {
  program
    .command('migrate')
    .description('apply prisma/migrations and print what was applied')
    .action(async () => {
      const config = loadConfig()
      if (config.DATABASE_URL === undefined) {
        const app = await compose(config)
        await app.close()
        console.log('The embedded database is up to date.')
        return
      }
      const database = openPostgres(config.DATABASE_URL, { pooled: config.DATABASE_LISTEN_URL !== undefined })
      try {
        const applied = await database.migrate()
        await makeSearchIndexes(database, console.warn)
        console.log(applied.length === 0 ? 'Nothing to apply.' : `Applied:\n${applied.map((name) => `  ${name}`).join('\n')}`)
      } finally {
        await database.close()
      }
    })

  program
    .command('restored')
    .description('run after a backup was restored and before a server uses it: makes servers and clients forget what they knew')
    .action(async () => {
      const app = await compose(loadConfig())
      try {
        console.log(JSON.stringify({ organizations: await app.ports.organizations.forgetWhatIsKnown() }))
      } finally {
        await app.close()
      }
    })

  program
    .command('bootstrap')
    .description('make an organization with its first owner')
    .requiredOption('--org <name>', 'the name of the organization')
    .requiredOption('--owner <subject>', "the owner's subject, as in their tokens")
    .option('--slug <slug>', 'its short name, of a-z, 0-9 and hyphens; made from the name if that has such letters')
    .option('--name <name>', "the owner's name for people; the first 64 characters of the subject if left out")
    .action(async ({ org, owner, slug = slugOf(org), name = owner.slice(0, 64) }: Bootstrap) => {
      if (slug === '') throw new ConfigError(['--slug must be given: the name of the organization has no letters of which one could be made'])
      const app = await compose(loadConfig())
      try {
        const { organizationId, memberId } = await bootstrapOrganization(app.ports, { slug, name: org, owner: { subject: owner, name } })
        console.log(JSON.stringify({ organizationId, slug, memberId }))
      } finally {
        await app.close()
      }
    })

  program
    .command('add-owner')
    .description('make somebody an owner of an organization whose owners are lost; the audit log tells of it')
    .requiredOption('--org <organization>', 'the organization, its slug or id')
    .requiredOption('--owner <subject>', "the owner's subject, as in their tokens")
    .option('--name <name>', 'their name for people, if they are no member yet; the first 64 characters of the subject if left out')
    .action(async ({ org, owner, name = owner.slice(0, 64) }: Pick<Bootstrap, 'org' | 'owner' | 'name'>) => {
      const app = await compose(loadConfig())
      try {
        console.log(JSON.stringify(await addOwner(app.ports, { organization: org, owner: { subject: owner, name } })))
      } finally {
        await app.close()
      }
    })
}

function createProgram(): Command {
  const program = new Command('aura-keys').description('Manages the API keys of Aura Apps.').version(version)
  program.showHelpAfterError().showSuggestionAfterError()

  program
    .command('serve', { isDefault: true })
    .description('migrate the database, then serve')
    .option('--demo', 'load the demo organizations into an empty PostgreSQL database (an empty embedded one gets them anyway)')
    .action(async ({ demo }: { demo?: boolean }) => {
      const config = loadConfig()
      // Loaded only here: the other commands need neither GraphQL nor the transports, which take half a second to load.
      const { serve } = await import('./serve.ts')
      await serve(config, demo === true)
    })

  program
    .command('token')
    .description('print a JWT for a member (only with AUTH_SECRET or the embedded database)')
    .requiredOption('--org <organization>', 'the organization, its slug or id')
    .requiredOption('--as <subject>', "the member's subject")
    .option('--ttl <span>', 'how long it is valid, such as 30m or 8h', '1h')
    .action(async ({ org, as, ttl }: { org: string; as: string; ttl: string }) => {
      const config = loadConfig()
      if (!/^\d{1,6}\s?[smhdw]$/.test(ttl)) throw new ConfigError(['--ttl must be a span such as 30m, 8h or 7d'])
      if (config.provider) throw new ConfigError(['AUTH_JWKS_URL is set: tokens come from the identity provider'])
      console.log(await signToken(readAuthSecret(config), { subject: as, organization: org, organizationClaim: config.AUTH_ORG_CLAIM, ttl }))
    })

  program
    .command('portal-link')
    .description('print a link that signs a member in to the portal, once and within 10 minutes (only with AUTH_SECRET or the embedded database)')
    .requiredOption('--org <organization>', 'the organization, its slug or id')
    .requiredOption('--as <subject>', "the member's subject")
    .action(({ org, as }: { org: string; as: string }) => {
      const config = loadConfig()
      if (config.provider) throw new ConfigError(['AUTH_JWKS_URL is set: people sign in at the identity provider'])
      const url = config.PUBLIC_URL ?? `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${config.PORT}`
      console.log(portalLink({ secret: readAuthSecret(config), url, subject: as, organization: org, now: new Date() }))
    })

  addStoreCommands(program)
  return program
}

/** Their messages are for the operator, and complete. */
const refusals = [ConfigError, FolderInUse, BadSecretFile, WrongDatabase, WrongSchema, MissingRight, WrongSession, AuraError]

/** Runs one command line; returns the exit code: 2 for bad settings. */
export async function run(commandLine: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(commandLine)
    return 0
  } catch (error) {
    if (refusals.some((kind) => error instanceof kind)) console.error((error as Error).message)
    else console.error(`aura-keys could not start: ${startFailure(error)}`)
    return error instanceof ConfigError ? 2 : 1
  }
}

// Messages of the database client can hold its URL, and so a password.
function startFailure(error: unknown): string {
  const { code, syscall, path, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'the port is in use. Set PORT to another one.'
  const ofDatabase = explainDatabase(error, loadConfig().DATABASE_URL)
  if (ofDatabase !== null) return ofDatabase
  return syscall === undefined
    ? (message.replace(/postgres(ql)?:\/\/\S+/g, 'DATABASE_URL').split('\n', 1)[0] ?? '')
    : `${syscall} failed with ${code}${path === undefined ? '' : ` on ${path}`}. Is it there, and may this user use it?`
}

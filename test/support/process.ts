import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { inject } from 'vitest'
import { signToken } from '../../src/access/tokens.ts'
import { freePort, withDatabase } from './postgres.ts'
import { authSecret } from './server.ts'

/** A server as a process of its own, from what was built, with the demo company. */
export interface ServerProcess {
  readonly url: string
  readonly child: ChildProcess
  /** The exit code, once it ended. */
  readonly exited: Promise<number | null>
  /** Everything that it printed. */
  readonly printed: readonly string[]
  token(subject: string): Promise<string>
  /** Ends what is left of it, and removes its data. */
  remove(): Promise<void>
}

async function admin(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** `through`: the URL that the process gets in place of its database's. */
export async function startProcess(through: (url: string) => Promise<string> = async (url) => url): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-process-'))
  const port = await freePort()
  const name = `process_${randomBytes(6).toString('hex')}`
  const onPostgres = process.env['TEST_STORE'] === 'postgresql'
  if (onPostgres) await admin(`CREATE DATABASE ${name}`)
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    DATA_DIR: join(folder, 'data'),
    HOST: '127.0.0.1',
    PORT: String(port),
    AUTH_SECRET: authSecret,
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
    ...(onPostgres
      ? {
          DATABASE_URL: await through(withDatabase(inject('postgresUrl'), name)),
          KEY_PEPPER: randomBytes(32).toString('base64'),
          SECRETS_KEK: randomBytes(32).toString('base64'),
        }
      : {}),
  }
  const child = spawn(process.execPath, ['dist/main.js', 'serve', '--demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed: string[] = []
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part: Buffer) => {
        printed.push(String(part))
        if (printed.join('').includes('serves at')) resolve()
      })
    }
    child.once('exit', () => reject(new Error(`the server ended: ${printed.join('')}`)))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    exited,
    printed,
    token: (subject) =>
      signToken(new TextEncoder().encode(authSecret), { subject, organization: 'demo', organizationClaim: 'org', ttl: new Date(Date.now() + 3_600_000) }),
    remove: async () => {
      child.kill('SIGKILL')
      await exited
      if (onPostgres) await admin(`DROP DATABASE ${name} WITH (FORCE)`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

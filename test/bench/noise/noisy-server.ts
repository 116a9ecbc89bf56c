import { randomBytes } from 'node:crypto'
import { createApp } from '../../../src/apps/create-app.ts'
import { signToken } from '../../../src/authentication/tokens.ts'
import { seedLarge } from '../../../src/cli/seed.ts'
import { compose } from '../../../src/compose.ts'
import { loadConfig } from '../../../src/config.ts'
import { createAppInstance } from '../../../src/instances/create-app-instance.ts'
import { createApiKey } from '../../../src/keys/create-api-key.ts'
import { bootstrapOrganization } from '../../../src/organizations/bootstrap-organization.ts'
import { freePort } from '../../support/postgres.ts'
import { createHome } from '../../support/processes.ts'

/** A server process that can be asked what its event loop and its memory do. */
export interface Node {
  readonly url: string
  /** The longest hold of the event loop since the last question, in ms. */
  holdMs(): Promise<number>
  /** Heap and buffers in use after a collection, in MB. */
  usedMb(): Promise<number>
}

/** Two organizations on one server: one makes noise, the other has a key that is verified. */
export interface NoisyServer {
  readonly node: Node
  /** Serves verification alone, on the same database; the embedded database has one process only. */
  readonly apart: Node | null
  readonly quiet: { readonly key: string; readonly instanceId: string }
  authorization(subject: string): Promise<string>
  close(): Promise<void>
}

export async function startNoisyServer(): Promise<NoisyServer> {
  const secret = randomBytes(32).toString('hex')
  const home = await createHome({
    AUTH_SECRET: secret,
    LOG_LEVEL: 'warn',
    KEY_CREATIONS_PER_MINUTE: '1000000',
    WS_MAX_SOCKETS_PER_MEMBER: '1000',
  })
  const app = await compose(loadConfig(home.env))
  await seedLarge(app.database.client, { keys: 20_000, instances: 3, organizations: 1 })
  const { ports } = app
  const ids = await bootstrapOrganization(ports, { slug: 'quiet', name: 'Quiet', owner: { subject: 'quiet', name: 'Quiet' } })
  const actor = { ...ids, subject: 'quiet', role: 'OWNER' as const, organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }
  const { appId } = await createApp(ports, actor, { slug: 'app', name: 'app' })
  const { instanceId } = await createAppInstance(ports, actor, { appId, name: 'instance' })
  const { plaintext } = await createApiKey(ports, actor, { instanceId, name: 'verified', expiresInDays: 1 })
  if (!plaintext) throw new Error('the key was not created')
  await app.close()

  const start = async (more: Record<string, string>): Promise<Node> => {
    const [port, probePort] = [await freePort(), await freePort()]
    const probe = new URL('probe.mjs', import.meta.url)
    await home.serve('serves at', { PORT: String(port), PROBE_PORT: String(probePort), NODE_OPTIONS: `--import ${probe}`, ...more })
    const ask = async (path: string): Promise<Record<string, number>> => (await fetch(`http://127.0.0.1:${probePort}${path}`)).json() as never
    return {
      url: `http://127.0.0.1:${port}`,
      holdMs: async () => Number((await ask('/hold'))['holdMs']),
      usedMb: async () => Number((await ask('/memory'))['usedMb']),
    }
  }
  return {
    node: await start({}),
    apart: process.env['TEST_STORE'] === 'postgresql' ? await start({ SERVE: 'verification' }) : null,
    quiet: { key: plaintext.expose(), instanceId },
    authorization: async (subject) =>
      `Bearer ${await signToken(new TextEncoder().encode(secret), { subject, organization: 'seed-1', organizationClaim: 'org', ttl: '2h' })}`,
    close: () => home.remove(),
  }
}

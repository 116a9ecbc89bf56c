import { portalLink } from '../authentication/portal-link.ts'
import { compose } from '../compose.ts'
import type { Config } from '../config.ts'
import { readAuthSecret } from '../server-secrets.ts'
import { demoPeople } from './demo.ts'
import { ensureDemo } from './ensure-demo.ts'

/** Returns what to type next in the reader's shell. */
function welcome(url: string, config: Config, demo: boolean): string {
  const lines = [`aura-keys serves at ${url}/graphql${config.production ? '' : ' (open it in a browser to explore)'}`]
  lines.push(
    config.DATABASE_URL === undefined
      ? `Database: embedded, in ${config.DATA_DIR}. A power cut may lose the newest writes; a killed process loses none.`
      : 'Database: PostgreSQL',
  )
  if (demo) {
    lines.push(
      'The demo company Northwind Robotics is loaded. Next, in another terminal:',
      '',
      '  export TOKEN=$(npx aura-keys token --org demo --as owner@demo.example)',
      `  curl -s ${url}/graphql -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\`,
      `    -d '{"query":"{ apps { name keyCounts { total active orphaned } } }"}'`,
    )
  }
  return lines.join('\n')
}

/** A link per person of the embedded demo, to compare what each role sees. Nobody else's: their terminals are logs, which others read. */
function links(url: string, config: Config): string {
  const [secret, now] = [readAuthSecret(config), new Date()]
  const lines = demoPeople.map(({ subject, name }) => {
    const link = portalLink({ secret, url: config.PUBLIC_URL ?? url, subject, organization: 'demo', now })
    return `  ${`${name}, ${subject.split('@', 1)[0]}:`.padEnd(28)}${link}`
  })
  return ['', 'Open the portal as one of its people. Each link works once, for ten minutes; npx aura-keys portal-link prints another:', '', ...lines].join('\n')
}

/** Serves until SIGTERM or SIGINT. */
export async function serve(config: Config, wantsDemo: boolean): Promise<void> {
  // Loads while the database opens: they are half of all modules.
  const transports = import('../listen.ts')
  const app = await compose(config)
  let stopping = false
  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  try {
    const demo = await ensureDemo(app, wantsDemo || (config.DATABASE_URL === undefined && !config.production))
    const { listen } = await transports
    const { url } = await listen(app)
    console.log(welcome(url, config, demo))
    if (demo && config.DATABASE_URL === undefined && !config.provider && config.SERVE !== 'verification') console.log(links(url, config))
    await stop
    stopping = true
  } finally {
    if (stopping) console.log('Stopping …')
    await app.close()
  }
}

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { App } from '../compose.ts'
import { formatKey, keyHint } from '../crypto/key-format.ts'
import { searchable } from '../folding.ts'
import { type DemoRows, insertDemoRows, isDemoLoaded } from '../store/demo-rows.ts'

/** The rows that `loadDemo` makes, and when it made them. The build makes them once for all starts: it is most of a second of work. */
export const demoFile = fileURLToPath(new URL('../../dist/demo.json', import.meta.url))

export interface MadeDemo {
  readonly made: string
  readonly rows: DemoRows
}

/** How PostgreSQL writes times in JSON, in sessions of UTC. */
const times = /\d{4}-\d\d-\d\dT[\d:.]+\+00:00/g

/** The rows as if they were made now and here: at moved times, with digests under the pepper of this server, of keys that nobody has. */
export function demoRows({ ports }: Pick<App, 'ports'>): DemoRows {
  const text = readFileSync(demoFile, 'utf8')
  const later = ports.clock.now().getTime() - Date.parse((JSON.parse(text) as MadeDemo).made)
  const moved = text.replace(times, (time) => new Date(Date.parse(time) + later).toISOString())
  const { rows } = JSON.parse(moved) as MadeDemo
  const keys = rows.api_key.map((key) => {
    const { id, name } = key as { id: string; name: string }
    const plaintext = formatKey(id, ports.randomBytes(32))
    const { pepperId, digest } = ports.digests.digest(plaintext)
    const hint = keyHint(plaintext)
    return {
      row: { ...key, hint, ...searchable(name, hint) },
      digest: { key_id: id, pepper_id: pepperId, digest: `\\x${Buffer.from(digest).toString('hex')}` },
    }
  })
  return { ...rows, api_key: keys.map(({ row }) => row), key_digest: keys.map(({ digest }) => digest) }
}

/**
 * Loads the demo once into an empty database if it is `wanted`: of nodes that start together one loads it and the others wait. Returns whether the
 * demo is there.
 */
export async function ensureDemo(app: App, wanted: boolean): Promise<boolean> {
  const { client } = app.database
  const load = async (): Promise<boolean> => {
    if (await isDemoLoaded(client)) return true
    if (await app.ports.organizations.anyExists()) return false
    console.log('Loading the demo company …')
    await insertDemoRows(client, demoRows(app))
    return true
  }
  if (await isDemoLoaded(client)) return true
  return wanted && app.database.alone(load, () => console.log('Another server is loading the demo company: waiting for it …'))
}

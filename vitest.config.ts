import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { temporaryFolder } from './test/support/folders.ts'

// Of this process, which starts PostgreSQL, and of its workers.
process.env['TMPDIR'] = temporaryFolder()

// Every file of these folders runs once on each store; the reporter counts that they are equally many.
const onBothStores = ['test/*/**/*.test.ts']
const withoutStore = [
  'test/architecture/**',
  'test/crypto/**',
  'test/contract/**',
  'test/config/**',
  'test/graphql-unit/**',
  'test/admission/**',
  'test/data-folder/**',
  'test/prove/**',
  // They have a PostgreSQL of their own, which they spoil.
  'test/starts/**',
  // What a page does and shows does not depend on the store: it knows the public API alone, which every other test holds on both.
  'test/portal/**',
  'test/portal-look/**',
  // Where there is one, it is the embedded one.
  'test/release/**',
]

/** Programs of the system that some files drive, or `root`. Where one is missing these files are left out, and the reporter says so; never in CI. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'test/examples/tour.test.ts': ['bash', 'curl', 'jq'],
  'test/examples/rotate-key.test.ts': ['bash', 'curl', 'jq'],
  // They become another user.
  'test/e2e/package.test.ts': ['root', 'npm', 'tar'],
  'test/e2e/anywhere.test.ts': ['root', 'npm', 'tar', 'nginx', 'unshare', 'setpriv'],
  'test/release/dockerfile.test.ts': ['root', 'npm', 'sh'],
  'test/release/release.test.ts': ['npm'],
  'test/examples/two-nodes.test.ts': ['nginx'],
  'test/examples/gateways.test.ts': ['nginx', 'caddy'],
  'test/live/pooler.test.ts': ['pgbouncer'],
  'test/store/time-zones-pooled.test.ts': ['pgbouncer'],
  'test/data-folder/processes.test.ts': ['unshare'],
  'test/portal/**': ['chromium-headless-shell'],
  'test/portal-look/**': ['chromium-headless-shell'],
}

function isInstalled(program: string): boolean {
  if (program === 'root') return process.getuid?.() === 0
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const leftOut = process.env['CI'] ? [] : Object.entries(programs).filter(([, needed]) => !needed.every(isInstalled))

// One copy of graphql: shield and the middleware load its CommonJS form, and two copies do not know each other's types.
export const resolve = { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] }

const project = (name: 'pglite' | 'postgresql') => ({
  resolve,
  test: {
    name,
    include: onBothStores,
    exclude: ['**/node_modules/**', ...withoutStore, ...leftOut.map(([file]) => file)],
    globalSetup: name === 'postgresql' ? ['test/support/postgres.ts'] : [],
    env: { TEST_STORE: name },
    // A file has a server of its own, and no module keeps anything between files: loading them all anew would be a third of the time.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than CI has cores: many files wait for what must not happen.
    maxWorkers: 3,
    reporters: ['default', ['./test/support/reporter.ts', { leftOut: Object.fromEntries(leftOut) }]],
    projects: [
      {
        resolve,
        test: { name: 'no store', include: withoutStore.map((folder) => `${folder}/*.test.ts`), exclude: leftOut.map(([file]) => file), testTimeout: 60_000 },
      },
      project('pglite'),
      project('postgresql'),
    ],
  },
})

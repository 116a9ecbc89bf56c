import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

// Every file of these folders runs once on each store; the reporter counts that they are equally many.
const onBothStores = ['test/*/**/*.test.ts']
const withoutStore = ['test/architecture/**', 'test/crypto/**', 'test/contract/**', 'test/config/**', 'test/graphql-unit/**']

// One copy of graphql: shield and the middleware load its CommonJS form, and two copies do not know each other's types.
export const resolve = { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] }

const project = (name: 'pglite' | 'postgresql') => ({
  resolve,
  test: {
    name,
    include: onBothStores,
    exclude: withoutStore,
    globalSetup: name === 'postgresql' ? ['test/support/postgres.ts'] : [],
    env: { TEST_STORE: name },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', './test/support/reporter.ts'],
    projects: [
      { resolve, test: { name: 'no store', include: withoutStore.map((folder) => `${folder}/*.test.ts`), testTimeout: 60_000 } },
      project('pglite'),
      project('postgresql'),
    ],
  },
})

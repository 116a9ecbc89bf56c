import { defineConfig, mergeConfig } from 'vitest/config'
import { resolve } from '../../vitest.config.ts'

// Benchmarks run one at a time and against a throwaway PostgreSQL, as `npm run bench:<name>`; they assert nothing about time.
export default mergeConfig(
  { resolve },
  defineConfig({
    test: {
      include: ['test/bench/*.bench.ts'],
      globalSetup: ['test/support/postgres.ts'],
      env: { TEST_STORE: process.env['TEST_STORE'] ?? 'postgresql' },
      pool: 'forks',
      fileParallelism: false,
      testTimeout: 600_000,
      reporters: ['default'],
    },
  }),
)

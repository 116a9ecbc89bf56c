import { defineConfig, mergeConfig } from 'vitest/config'
import { resolve } from '../../vitest.config.ts'

// One at a time, on a PostgreSQL that each starts for itself, as `npm run prove:revocation`.
export default mergeConfig(
  { resolve },
  defineConfig({
    test: {
      include: ['test/prove/*.prove.ts'],
      pool: 'forks',
      fileParallelism: false,
      testTimeout: 900_000,
      hookTimeout: 120_000,
      reporters: ['default'],
      disableConsoleIntercept: true,
    },
  }),
)

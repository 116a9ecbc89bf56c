import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const folder = new URL('../../dist/portal/assets/', import.meta.url)

/** In kB as networks carry it. */
const size = (ending: string): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .reduce((total, name) => total + gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length, 0) / 1000

test('all scripts of the portal are at most 200 kB and all style sheets 25 kB, compressed with gzip', () => {
  expect(size('.js')).toBeGreaterThan(50)
  expect(size('.js')).toBeLessThanOrEqual(200)
  expect(size('.css')).toBeGreaterThan(5)
  expect(size('.css')).toBeLessThanOrEqual(25)
})

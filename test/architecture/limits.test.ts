import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const numbersIn = (text: string): number[] => [...text.matchAll(/(?<![\w.])\d[\d_,]*(?:n\b)?/g)].map(([found]) => Number(found.replace(/[_,n]/g, '')))

/** The bounds of the code: constants called `max…` or `…Limit`, by file and name, with the text of their values. */
function boundsOf(files: Readonly<Record<string, string>>): Map<string, string> {
  const found = new Map<string, string>()
  for (const [file, text] of Object.entries(files)) {
    for (const [, name, value] of text.matchAll(/\bconst (max[A-Z]\w*|\w+Limit|scanRows)\b(?:: [^=]+)? = ((?!\().+)$/gm))
      found.set(`${file} ${name}`, value ?? '')
  }
  return found
}

/** Settings that bound something. */
const bounding = /^(MAX_OPERATIONS|MAX_QUEUED|WS_MAX|VERIFY|DOCUMENT_CACHE|KEPT_ANSWERS|OPERATION_TIMEOUT)|_PER_MINUTE$/

const sources = Object.fromEntries(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('generated'))
    .map((path) => [path, read(`src/${path}`)]),
)
const table = read('docs/limits.md')
const rows = [...table.matchAll(/^\| .+ \| (.+) \| `(.+)` `(\w+)` \| .+ \| .+ \|$/gm)].map(([, value = '', file, name]) => ({ of: `${file} ${name}`, value }))
const settings = [...table.matchAll(/^\| .+ \| (.+) \| setting `(\w+)` \| .+ \| .+ \|$/gm)].map(([, value = '', name = '']) => ({ name, value }))

test('every bound of the code stands in docs/limits.md, with its value, and nothing else does', () => {
  const bounds = boundsOf(sources)
  expect(bounds.size).toBeGreaterThan(50)
  expect(rows.map(({ of }) => of).sort()).toEqual([...bounds.keys()].sort())
  for (const { of, value } of rows) {
    const code = bounds.get(of) ?? ''
    // A value that is reckoned stands there as the code has it.
    expect(/^[\d_]+n?$|^\{/.test(code) ? numbersIn(value) : value, of).toEqual(/^[\d_]+n?$|^\{/.test(code) ? numbersIn(code) : code)
  }
})

test('a bound that is added, however it is written, is found', () => {
  const added = (line: string): string[] => [...boundsOf({ 'keys/model.ts': line }).keys()]
  expect(added('const maxSize = 5')).toEqual(['keys/model.ts maxSize'])
  expect(added('export const maxSize: Readonly<Record<string, number>> = { a: 5 }')).toEqual(['keys/model.ts maxSize'])
  expect(added('  const sizeLimit = 5_000')).toEqual(['keys/model.ts sizeLimit'])
})

test('every setting that bounds something stands in docs/limits.md with its default', () => {
  const config = loadConfig({}) as unknown as Record<string, unknown>
  const names = Object.keys(config).filter((name) => bounding.test(name))
  expect(names.length).toBeGreaterThan(10)
  expect(settings.map(({ name }) => name).sort()).toEqual(names.sort())
  for (const { name, value } of settings) expect(numbersIn(value), name).toEqual([config[name]])
})

test('every metric that docs/limits.md names is one of this server', () => {
  const names = [...new Set([...table.matchAll(/`aura_keys_(\w+)`/g)].map(([, name]) => name ?? ''))]
  expect(names.length).toBeGreaterThan(5)
  const metrics = `${sources['server/metrics.ts']}${sources['server/verification-metrics.ts']}`
  for (const name of names) expect(metrics, name).toContain(`${name}'`)
})

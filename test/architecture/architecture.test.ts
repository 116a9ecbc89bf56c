import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { unplaced, upwardPairs } from './folders.ts'
import { findCycle, readFiles } from './imports.ts'
import {
  acrossFeatures,
  againstRanks,
  badNames,
  changesUnlooked,
  clientUsers,
  deadPaths,
  environmentReaders,
  longFiles,
  longFunctions,
  needsUntold,
  negatedRules,
  oddUseCases,
  rightsSaidAgain,
  useCasesAndAdapters,
  wholeRows,
} from './rules.ts'

// The portal is another program, with rules of its own: portal.test.ts.
const source = new Map([...readFiles('src')].filter(([path]) => !path.startsWith('src/portal/')))
const everything = new Map([...source, ...readFiles('test')])
const scripts = readFiles('test', '.mjs')

/** The source with one more file in it, to see a rule refuse it. */
const withFile = (path: string, text: string) => new Map([...source, [path, text]])

test('there is source to look at', () => {
  expect(source.size).toBeGreaterThan(50)
})

test('imports go one way: pure → stores → ports → use cases and adapters → schema → transport → compose → command line', () => {
  expect(againstRanks(source)).toEqual([])
  expect(againstRanks(withFile('src/keys/model.ts', "import type { Ports } from '../ports.ts'"))).toEqual(['src/keys/model.ts → src/ports.ts'])
  expect(againstRanks(withFile('src/keys/create-api-key.ts', "import { builder } from '../graphql/builder.ts'"))).toHaveLength(1)
})

test('folders import one way; only the ports name the types of the stores that they are made of', () => {
  expect(unplaced(source)).toEqual([])
  const stores = ['apps', 'events', 'instances', 'keys', 'members', 'organizations', 'secrets', 'sessions']
  expect(Object.fromEntries(upwardPairs(source))).toEqual(
    Object.fromEntries(stores.map((feature) => [`ports.ts → ${feature}`, [`src/ports.ts → src/${feature}/store.ts`]])),
  )
  expect([...upwardPairs(withFile('src/live/hub.ts', "import type { EventStore } from '../events/store.ts'")).keys()]).toContain('live → events')
  expect(unplaced(withFile('src/odd/thing.ts', ''))).toEqual(['odd'])
})

test('no imports go in a circle, those of types included', () => {
  expect(findCycle(source)).toBeNull()
  expect(findCycle(withFile('src/errors.ts', "import type { IdPrefix } from './names.ts'"))).toContain('src/errors.ts')
})

test('features meet only through a model or a use case', () => {
  expect(acrossFeatures(source)).toEqual([])
  expect(acrossFeatures(withFile('src/keys/mutations.ts', "import { AppInstance } from '../instances/schema.ts'"))).toHaveLength(1)
  expect(acrossFeatures(withFile('src/keys/create-api-key.ts', "import type { MemberStore } from '../members/store.ts'"))).toHaveLength(1)
  expect(acrossFeatures(withFile('src/keys/create-api-key.ts', "import type { EventStore } from '../events/store.ts'"))).toHaveLength(1)
})

test('a use case and an adapter do not know each other', () => {
  expect(useCasesAndAdapters(source)).toEqual([])
  expect(useCasesAndAdapters(withFile('src/keys/create-api-key.ts', "import { createHub } from '../live/hub.ts'"))).toHaveLength(1)
  expect(useCasesAndAdapters(withFile('src/live/hub.ts', "import { createApiKey } from '../keys/create-api-key.ts'"))).toHaveLength(1)
})

test('only config.ts reads the environment', () => {
  expect(environmentReaders(source)).toEqual([])
  for (const reader of [
    'export const debug = process.env.DEBUG',
    "export const debug = process['env'].DEBUG",
    'export const debug = process?.env?.DEBUG',
    'const { argv, env } = process',
    "import { env } from 'node:process'",
    "import process from 'process'",
  ]) {
    expect([reader, environmentReaders(withFile('src/live/hub.ts', reader))]).toEqual([reader, ['src/live/hub.ts']])
  }
})

test("only stores know Prisma's client", () => {
  expect(clientUsers(source)).toEqual([])
  expect(clientUsers(withFile('src/keys/mutations.ts', "import { PrismaClient } from '../generated/prisma/client.ts'"))).toEqual(['src/keys/mutations.ts'])
})

test('a file has at most 250 lines', () => {
  expect(longFiles(new Map([...everything, ...scripts]))).toEqual([])
  expect([...scripts.keys()]).toContain('test/e2e/crash-child.mjs')
  expect(longFiles(withFile('src/long.ts', 'x\n'.repeat(251)))).toEqual(['src/long.ts'])
})

test('a function has at most 80 lines, what is nested in it included; only stores and fields of types may list more', () => {
  expect(longFunctions(source)).toEqual([])
  const longIn = (path: string, text: string): string[] => longFunctions(new Map([[path, text]]))
  const lines = (count: number): string => 'call()\n'.repeat(count)
  const body = `{\n${lines(79)}}`
  for (const long of [
    `function long() ${body}`,
    `export const long = async () => ${body}`,
    `const long = {\n  of() ${body},\n}`,
    `class Long {\n  get long() ${body}\n}`,
    `function long() {\n  const inner = () => {\n${lines(40)}}\n  const other = () => {\n${lines(40)}}\n}`,
    `builder.queryFields((t) => ({\n  field: t.field({ resolve: () => ${body} }),\n}))`,
  ]) {
    expect([long, longIn('src/live/long.ts', long)]).toEqual([long, [expect.stringMatching(/^src\/live\/long\.ts:\d+$/)]])
  }
  expect(longIn('src/live/long.ts', `function long() {\n${lines(78)}}`)).toEqual([])
  const list = `{\n${'  field: call(),\n'.repeat(100)}}`
  for (const fields of [`builder.queryFields((t) => (${list}))`, `builder.prismaObject('ApiKey', { select: { id: true }, fields: (t) => (${list}) })`]) {
    expect(longIn('src/keys/long.ts', fields)).toEqual([])
  }
  expect(longIn('src/long/store.ts', `export const longStore = (client: Client) => (${list})`)).toEqual([])
  expect(longIn('src/keys/queries.ts', `export const longStore = (client: Client) => (${list})`)).toEqual(['src/keys/queries.ts:1'])
})

test('file names are kebab-case, and no folder is a magnet for everything', () => {
  expect(badNames(everything)).toEqual([])
  expect(badNames(withFile('src/utils/x.ts', ''))).toHaveLength(1)
  expect(badNames(withFile('src/keys/createKey.ts', ''))).toHaveLength(1)
})

test('a use-case file exports one function of its own name', () => {
  expect(oddUseCases(source)).toEqual([])
  expect(oddUseCases(withFile('src/keys/rename-key.ts', 'export function renameKeys() {}'))).toHaveLength(1)
  expect(oddUseCases(withFile('src/keys/rename-key.ts', 'export function renameKey() {}\nexport const other = 1'))).toHaveLength(1)
})

test('a type on rows says which columns it always reads, so that an operation reads no others than it asks for', () => {
  expect(wholeRows(source)).toEqual([])
  expect(wholeRows(withFile('src/keys/schema.ts', "builder.prismaObject('ApiKey', { fields: () => ({ select: true }) })"))).toEqual(['src/keys/schema.ts'])
  expect(wholeRows(withFile('src/keys/schema.ts', "builder.prismaObject('ApiKey', { select: { id: true }, fields: () => ({}) })"))).toEqual([])
})

test('a use case says in its signature which ports it needs', () => {
  expect(needsUntold(source)).toEqual([])
  expect(needsUntold(withFile('src/keys/rename-key.ts', 'export async function renameKey(ports: Ports): Promise<void> {}'))).toHaveLength(1)
  expect(needsUntold(withFile('src/keys/rename-key.ts', 'export async function renameKey(actor: Actor): Promise<void> {}'))).toHaveLength(1)
})

test('what an actor changes is looked at before the lock: only a use case that knows no actor takes the port `change` itself', () => {
  expect(changesUnlooked(source)).toEqual([])
  const renameKey = (picked: string, body: string): string =>
    `import type { Actor } from '../access/actor.ts'\nexport async function renameKey(ports: Pick<Ports, ${picked}>, actor: Actor): Promise<void> { ${body} }`
  for (const [picked, body] of [
    ["'change' | 'clock'", ''],
    ['keyof Ports', 'await ports.change(actor.organizationId, body)'],
    ['keyof Ports', "await ports['change'](actor.organizationId, body)"],
    ['keyof Ports', 'const { change } = ports'],
    ['keyof Ports', 'const { change: write } = ports'],
  ] as const) {
    expect([body, changesUnlooked(withFile('src/keys/rename-key.ts', renameKey(picked, body)))]).toEqual([body, ['src/keys/rename-key.ts']])
  }
  expect(changesUnlooked(withFile('src/keys/rename-key.ts', renameKey("'changeBy'", 'await ports.changeBy(actor, look, body)')))).toEqual([])
  // Nor does a resolver take it, or a route.
  for (const path of ['src/keys/mutations.ts', 'src/server/http.ts']) expect(changesUnlooked(withFile(path, 'ports.change(id, body)'))).toEqual([path])
})

test('what somebody may do is said in access/rights.ts alone', () => {
  expect(rightsSaidAgain(source)).toEqual([])
  for (const again of ["if (scope.role !== 'OWNER') throw forbidden()", 'if (!scope.all) throw forbidden()', 'resolve: ({ all }) => all']) {
    expect([again, rightsSaidAgain(withFile('src/keys/queries.ts', again))]).toEqual([again, ['src/keys/queries.ts']])
  }
})

for (const document of [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
]) {
  test(`every path that ${document} names exists`, () => {
    // Links begin at the document, paths in its text at the root.
    expect(deadPaths(readFileSync(document, 'utf8'), (path) => existsSync(path) || existsSync(join(dirname(document), path)))).toEqual([])
  })
}

test('a path that leads nowhere is noticed, in links and in code', () => {
  const text = '[a](src/gone.ts) [b](README.md#start) [c](https://x.example/src/y.ts) `src/gone/x.ts` `src/<feature>/<verb>-<noun>.ts` see test/gone/.'
  expect(deadPaths(text, (path) => path === 'README.md')).toEqual(['src/gone.ts', 'src/gone/x.ts', 'test/gone'])
})

test('AZ-08 no rule grants by negation', () => {
  expect(negatedRules(source)).toEqual([])
  expect(negatedRules(withFile('src/keys/rules.ts', 'export const keyRules = { Query: { apiKey: not(isMember) } }'))).toHaveLength(1)
})

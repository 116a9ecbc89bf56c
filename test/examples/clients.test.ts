import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildSchema, parse, validate } from 'graphql'
import { afterAll, expect, test, vi } from 'vitest'
import { companyOfFile } from '../support/file-server.ts'

const text = readFileSync('docs/clients.md', 'utf8')
const { server, company } = await companyOfFile()
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-clients-'))
symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** The pieces of code of the page, by the names in their first lines. */
const pieces = new Map([...text.matchAll(/^```js\n\/\/ (\S+\.mjs)\n(.*?)^```$/gms)].map(([, name = '', code = '']) => [name, code]))
/** Programs that print the name of the instance, or its counts whenever they change. */
const printed = { 'fetch.mjs': 'name', 'events.mjs': 'counts', 'socket.mjs': 'counts', 'apollo.mjs': 'counts', 'urql.mjs': 'counts' } as const

async function run(name: string) {
  writeFileSync(join(folder, name), pieces.get(name) ?? '')
  const env = { PATH: process.env['PATH'], URL: server.url, TOKEN: await server.token('ownA', 'a'), INSTANCE: company.I1 }
  const child = spawn(process.execPath, [name], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const said = { out: [] as string[], err: '' }
  child.stdout.on('data', (part: Buffer) => said.out.push(...String(part).trim().split('\n')))
  child.stderr.on('data', (part: Buffer) => (said.err += part))
  return { child, said }
}

test('every piece of code of docs/clients.md is run here or with its compiler', () => {
  const all = [...text.matchAll(/^```(\w+)$/gm)].map(([, language]) => language)
  // The environment, and the settings beside it, are those of test/clients/relay.test.ts.
  expect([...pieces.keys()].sort()).toEqual([...Object.keys(printed), 'environment.mjs'].sort())
  expect(all.filter((language) => language !== 'js')).toEqual(['graphql', 'json'])
  expect(all.filter((language) => language === 'js')).toHaveLength(pieces.size)
})

for (const [name, what] of Object.entries(printed)) {
  test(`${name} prints the ${what}${what === 'counts' ? ', and again when they change' : ''}`, async () => {
    const { child, said } = await run(name)
    const slow = { timeout: 20_000, interval: 50 }
    await vi.waitFor(() => expect(said).toMatchObject({ out: [expect.anything()], err: '' }), slow)
    if (what === 'name') return expect(said.out).toEqual(['I1'])
    const before = Number(said.out[0])
    expect(before).toBeGreaterThanOrEqual(0)
    // What is made before the subscription is there changes nothing that could be missed: counts are the whole truth.
    await company.createKey('ownA', company.I1)
    await vi.waitFor(() => expect(said.out.map(Number).at(-1)).toBe(before + 1), slow)
    expect(said.err).toBe('')
    child.kill()
  })
}

test('the subscription that updates caches fits the schema', () => {
  const [, document = ''] = /^```graphql\n(.*?)^```$/ms.exec(text) ?? []
  expect(validate(buildSchema(readFileSync('schema/schema.graphql', 'utf8')), parse(document))).toEqual([])
})

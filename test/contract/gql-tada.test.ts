import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'aura-keys-tada-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const compilerOptions = { target: 'es2022', module: 'esnext', moduleResolution: 'bundler', strict: true, skipLibCheck: true, noEmit: true, types: [] }

/** The types of the schema, as the tool's own command writes them. */
async function writeTypes(): Promise<void> {
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  copyFileSync('schema/schema.graphql', join(folder, 'schema.graphql'))
  const plugins = [{ name: 'gql.tada/ts-plugin', schema: './schema.graphql', tadaOutputLocation: './introspection.d.ts' }]
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, plugins } }))
  const cli = join(createRequire(import.meta.url).resolve('gql.tada/package.json'), '../bin/cli.js')
  await promisify(execFile)(process.execPath, [cli, 'generate-output'], { cwd: folder })
}

const head = `
  import { initGraphQLTada, type ResultOf, type VariablesOf } from 'gql.tada'
  import type { introspection } from './introspection'
  const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; ID: string; Version: number } }>()
  type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
  const instance = graphql(\`query ($id: ID!) { instance(id: $id) { name apiKeys(first: 1) { edges { node { status orphanReason expiresAt } } } keyCounts { version } } }\`)
  const revoke = graphql(\`mutation ($input: RevokeApiKeysInput!) { revokeApiKeys(input: $input) { results { id code errorCode } } }\`)`

const right = `
    interface Node { status: 'ACTIVE' | 'EXPIRED' | 'ORPHANED' | 'REVOKED'; orphanReason: 'INSTANCE_DELETED' | 'CREATOR_REMOVED' | null; expiresAt: string }
    type Instance = NonNullable<ResultOf<typeof instance>['instance']>
    export const node: Same<Instance['apiKeys']['edges'][number]['node'] extends Node ? true : false, true> = true
    export const version: Same<Instance['keyCounts']['version'], number> = true
    export const variables: Same<VariablesOf<typeof instance>['id'], string> = true
    type Outcome = NonNullable<ResultOf<typeof revoke>['revokeApiKeys']>['results'][number]
    export const code: Same<Extract<Outcome['code'], 'FORBIDDEN' | 'NOT_FOUND' | 'RATE_LIMITED' | null>, 'FORBIDDEN' | 'NOT_FOUND' | 'RATE_LIMITED' | null> = true
    export const isClosed: string extends Outcome['code'] ? false : true = true
    export const text: Same<Outcome['errorCode'], string | null> = true
    export const input: VariablesOf<typeof revoke> = { input: { ids: ['key_'], acknowledged: true } }`

/** Each is wrong in one place. */
const wrong = [
  `export const input: VariablesOf<typeof revoke> = { input: { ids: [1], acknowledged: true } }`, // a value of another type
  `export const input: VariablesOf<typeof revoke> = { input: { ids: [] } }`, // a member that is missing
  `export const name: string = ({} as ResultOf<typeof instance>).instance.name`, // a field that may be null
  `export const id = ({} as ResultOf<typeof revoke>).revokeApiKeys?.propagation`, // a field that is not selected
]

test('the types that gql.tada reads from the schema are those of the answers, and code that takes them otherwise does not compile', async () => {
  await writeTypes()
  // One program for all, since reading the types takes seconds.
  const files = [right, ...wrong].map((code, index) => {
    const file = join(folder, `client-${index}.ts`)
    writeFileSync(file, `${head}\n${code}`)
    return file
  })
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, folder)
  const complaints = new Map(files.map((file): [string, string[]] => [file, []]))
  for (const { file, messageText } of ts.getPreEmitDiagnostics(ts.createProgram(files, options))) {
    complaints.get(file?.fileName ?? '')?.push(ts.flattenDiagnosticMessageText(messageText, '\n'))
  }
  const [ofRight, ...ofWrong] = complaints.values()
  expect(ofRight).toEqual([])
  expect(ofWrong.map(({ length }) => length)).toEqual(wrong.map(() => 1))
})

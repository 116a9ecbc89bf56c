import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()
const sdl = readFileSync('schema/schema.graphql', 'utf8')
const page = readFileSync('docs/clients.md', 'utf8')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const documents = [
  'query pageQuery($id: ID!) { instance(id: $id) { ...page_keys } viewer { member { name } } }',
  `fragment page_keys on AppInstance
  @refetchable(queryName: "pageKeysQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    name
    keyCounts { active version }
    apiKeys(first: $count, after: $cursor) @connection(key: "page_apiKeys") { edges { node { id name status } } }
  }`,
  'query pageCountsQuery($id: ID!) { instance(id: $id) { id keyCounts { active version } } }',
  'subscription pageCountsSubscription($ids: [ID!]) { keyCountsOf(instanceIds: $ids) { instance { id keyCounts { active version } } } }',
  'mutation pageRevokeMutation($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { apiKey { id status } instance { id keyCounts { active } } } }',
]

/** Compiles the documents against a schema with the settings of docs/clients.md, and returns the folder of the project. */
async function compile(schema: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-relay-'))
  folders.push(folder)
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'src'))
  const [, settings = ''] = /^```json\n(.*?)^```$/ms.exec(page) ?? []
  const [, environment = ''] = /^```js\n\/\/ environment.mjs\n(.*?)^```$/ms.exec(page) ?? []
  for (const [name, text] of Object.entries({
    'package.json': '{ "type": "module" }',
    'relay.config.json': settings,
    'schema.graphql': schema,
    'environment.mjs': environment,
    'src/page.js': documents.map((document) => `graphql\`${document}\`\n`).join(''),
  })) {
    writeFileSync(join(folder, name), text)
  }
  const cli = createRequire(import.meta.url).resolve('relay-compiler/cli.js')
  await promisify(execFile)(process.execPath, [cli, 'relay.config.json'], { cwd: folder, timeout: 50_000 })
  return folder
}

/** The text that Relay sends, by operation. */
const sent = async (folder: string): Promise<Map<string, string>> => {
  const artifacts = readdirSync(join(folder, 'src/__generated__')).filter((name) => /(Query|Mutation|Subscription)\.graphql\.js$/.test(name))
  const texts = artifacts.map((name): [string, string] => {
    const [, text = '""'] = /"text": (".*")/.exec(readFileSync(join(folder, 'src/__generated__', name), 'utf8')) ?? []
    return [name.replace('.graphql.js', ''), JSON.parse(text)]
  })
  return new Map(texts)
}

test('the compiler takes the schema, with connections and fragments that are fetched again, and the server what it made', async () => {
  const operations = await sent(await compile(sdl))
  expect([...operations.keys()].sort()).toEqual(['pageCountsQuery', 'pageCountsSubscription', 'pageKeysQuery', 'pageQuery', 'pageRevokeMutation'])
  for (let made = 0; made < 3; made++) await company.createKey('ownA', company.I1)
  const ask = async (operation: string, variables: object) => (await server.post({ query: operations.get(operation), variables }, as('ownA'))).json()
  const first = await ask('pageQuery', { id: company.I1 })
  expect(first).toMatchObject({ data: { instance: { name: 'I1', apiKeys: { edges: [{}, {}], pageInfo: { hasNextPage: true } } } } })
  const next = await ask('pageKeysQuery', { id: company.I1, count: 2, cursor: first.data.instance.apiKeys.pageInfo.endCursor })
  expect(next).toMatchObject({ data: { node: { apiKeys: { edges: [{}], pageInfo: { hasNextPage: false } } } } })
})

test('a schema without global ids would be seen', async () => {
  await expect(compile(sdl.replace('  node(', '  row('))).rejects.toThrow('Invalid use of @refetchable')
})

const driver = `
  import { environment } from './environment.mjs'
  import relay from 'relay-runtime'
  import query from './src/__generated__/pageCountsQuery.graphql.js'
  import subscription from './src/__generated__/pageCountsSubscription.graphql.js'
  const id = process.env.INSTANCE
  const operation = relay.createOperationDescriptor(relay.getRequest(query), { id })
  await relay.fetchQuery(environment, query, { id }).toPromise()
  const show = (snapshot) => console.log(snapshot.data.instance.keyCounts.active)
  const snapshot = environment.lookup(operation.fragment)
  show(snapshot)
  environment.retain(operation)
  environment.subscribe(snapshot, show)
  relay.requestSubscription(environment, { subscription, variables: { ids: [id] }, onNext: () => console.error('message') })`

test('the store is updated by keyCountsOf', async () => {
  const folder = await compile(sdl)
  writeFileSync(join(folder, 'driver.mjs'), driver)
  const env = { PATH: process.env['PATH'], URL: server.url, TOKEN: await server.token('ownA', 'a'), INSTANCE: company.I1 }
  const child = execFile(process.execPath, ['driver.mjs'], { cwd: folder, env })
  const said = { out: '', err: '' }
  child.stdout?.on('data', (part: string) => (said.out += part))
  child.stderr?.on('data', (part: string) => (said.err += part))
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50))
    expect([isThere(), said.err]).toEqual([true, expect.stringMatching(/^(message\n)*$/)])
  }
  await until(() => said.err !== '')
  const before = Number.parseInt(said.out, 10)
  await company.createKey('ownA', company.I1)
  await until(() => said.out.trim().endsWith(String(before + 1)))
  child.kill()
})

import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createAndVerify, runAsNobody, runCommand, serveAsNobody } from '../support/installed.ts'
import { freePort } from '../support/postgres.ts'

interface Stage {
  readonly root: string
  folder: string
  readonly env: Record<string, string>
  readonly volumes: string[]
  user: string
  command: string[]
  health: string[]
}

const scratch = mkdtempSync(join(tmpdir(), 'aura-keys-image-'))
chmodSync(scratch, 0o755)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** The instructions of a Dockerfile, in order, with continued lines as one. */
const instructionsOf = (text: string) =>
  text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => /^(\w+)\s+(.*)$/.exec(line)?.slice(1) as [string, string])

/** Absolute paths of an image, in the folder that stands for it. Programs are those of this machine, where the image's user is another one. */
const inScratch = (text: string, { root }: Stage): string => text.replace(/(?<=^|[\s=])\/(?=\w)(?!dev\/)/g, `${root}/`).replace('node:node', '65534:65534')

const argumentsOf = (json: string): string[] => JSON.parse(json.replace(/^.*?CMD\s+/, '')) as string[]

function copy(stage: Stage, from: Stage | undefined, words: readonly string[]): void {
  const target = join(stage.folder, words.at(-1) ?? '')
  const source = (word: string): string => (from ? join(from.root, word) : word)
  const ignored = readFileSync('.dockerignore', 'utf8').trim().split('\n')
  for (const word of words.slice(0, -1)) {
    if (!from && word === '.') {
      for (const name of readdirSync('.'))
        if (!ignored.includes(name)) cpSync(name, join(target, name), { recursive: true, filter: (path) => !ignored.includes(path) })
    } else if (statSync(source(word)).isDirectory()) cpSync(source(word), target, { recursive: true, verbatimSymlinks: true })
    else cpSync(source(word), join(target, basename(word)))
  }
}

/** What each instruction does to its stage. */
const instructions: Readonly<Record<string, (stage: Stage, rest: string, stages: ReadonlyMap<string, Stage>) => unknown>> = {
  WORKDIR: (stage, rest) => {
    stage.folder = join(stage.root, rest)
    mkdirSync(stage.folder, { recursive: true })
  },
  ENV: (stage, rest) => Object.assign(stage.env, Object.fromEntries(rest.split(/\s+/).map((word) => inScratch(word, stage).split('=', 2)))),
  COPY: (stage, rest, stages) => {
    const from = /^--from=(\w+)/.exec(rest)?.[1] ?? ''
    copy(stage, stages.get(from), rest.split(/\s+/).slice(from === '' ? 0 : 1))
  },
  RUN: (stage, rest) => {
    // Of this process only what finds programs and npm's cache.
    const { PATH, HOME } = process.env
    return runCommand(['sh', '-c', inScratch(rest, stage)], { cwd: stage.folder, env: { PATH, HOME, npm_config_prefer_offline: 'true', ...stage.env } })
  },
  USER: (stage, rest) => {
    stage.user = rest
  },
  VOLUME: (stage, rest) => stage.volumes.push(join(stage.root, rest)),
  EXPOSE: () => undefined,
  HEALTHCHECK: (stage, rest) => {
    stage.health = argumentsOf(rest)
  },
  CMD: (stage, rest) => {
    stage.command = argumentsOf(rest)
  },
}

/** Runs the steps of a Dockerfile, each stage in a folder of its own; answers the last one. */
async function build(file: string): Promise<Stage> {
  const stages = new Map<string, Stage>()
  const built: Stage[] = []
  for (const [name, rest] of instructionsOf(readFileSync(file, 'utf8'))) {
    if (name === 'FROM') {
      const root = join(scratch, String(stages.size))
      built.unshift({ root, folder: root, env: {}, volumes: [], user: 'root', command: [], health: [] })
      stages.set(/ AS (\w+)$/.exec(rest)?.[1] ?? '', built[0] as Stage)
    } else {
      const run = instructions[name]
      if (!run || !built[0]) throw new Error(`this test does not know what ${name} does here`)
      await run(built[0], rest, stages)
    }
  }
  return built[0] as Stage
}

test('IN-02 the steps of the Dockerfile build a server that runs as another user, is healthy, and verifies a key that it created', async () => {
  const image = await build('Dockerfile')
  expect(image.user).not.toBe('root')
  expect(existsSync(join(image.folder, 'node_modules', 'typescript'))).toBe(false)
  const port = await freePort()
  const env = { PATH: process.env['PATH'], ...image.env, HOST: '127.0.0.1', PORT: String(port), ALLOW_EMBEDDED: '1' }
  expect(image.volumes).toEqual([image.env['DATA_DIR']])
  const as = { cwd: image.folder, env }
  const program = image.command.slice(0, -1)
  await runAsNobody([...program, 'bootstrap', '--org', 'Packed', '--owner', 'ada'], as)
  const server = await serveAsNobody(image.command, as)
  await runAsNobody(image.health, as)
  const token = (await runAsNobody([...program, 'token', '--org', 'packed', '--as', 'ada'], as)).trim()
  expect(await createAndVerify(`http://127.0.0.1:${port}`, token)).toBe('VALID')
  expect(await server.stop()).toBe(0)
  await expect(runAsNobody(image.health, as)).rejects.toThrow('ended with 1')
}, 900_000)

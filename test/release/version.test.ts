import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((path) => existsSync(path))

test('IN-05 package.json alone says the version, and CHANGELOG.md has a heading for it', () => {
  const elsewhere = files.filter((path) => !['package.json', 'CHANGELOG.md'].includes(path) && !/(^|\/)package-lock\.json$/.test(path))
  expect(elsewhere.length).toBeGreaterThan(500)
  expect(elsewhere.filter((path) => readFileSync(path, 'latin1').match(new RegExp(`(?<![\\d.])${version.replaceAll('.', '\\.')}(?![\\d.])`)))).toEqual([])
  const headings = [...readFileSync('CHANGELOG.md', 'utf8').matchAll(/^## (\S+)/gm)].map((match) => match[1])
  expect(headings.filter((heading) => heading !== 'Unreleased')[0]).toBe(version)
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { version: string; packages: Record<string, { version: string }> }
  expect([lock.version, lock.packages['']?.version]).toEqual([version, version])
})

test('IN-04 the release workflow runs when a tag of the version is pushed, with no more rights than to sign and to publish', () => {
  const file = '.github/workflows/release.yml'
  interface Workflow {
    on: unknown
    permissions: unknown
    jobs: Record<string, { permissions: unknown; steps: { uses?: string; run?: string }[] }>
  }
  const { on, permissions, jobs } = parse(readFileSync(file, 'utf8')) as Workflow
  expect([on, permissions, Object.keys(jobs)]).toEqual([{ push: { tags: ['v*'] } }, {}, ['release']])
  expect(jobs['release']?.permissions).toEqual({ contents: 'write', 'id-token': 'write' })
  const steps = jobs['release']?.steps ?? []
  // A tag of an action can move; a commit cannot.
  expect(steps.flatMap(({ uses }) => uses ?? []).filter((uses) => !/@[0-9a-f]{40}$/.test(uses))).toEqual([])
  expect(steps.map(({ run }) => run)).toEqual(
    expect.arrayContaining(['npm run release', expect.stringContaining('"v$(node -p'), expect.stringContaining('gh release create')]),
  )
  // What docs/verify.md tells people to compare with.
  expect(readFileSync('docs/verify.md', 'utf8')).toContain(`${file}@refs/tags/v`)
})

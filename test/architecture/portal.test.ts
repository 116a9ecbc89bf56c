import { expect, test } from 'vitest'
import { edgesOf, type Files, findCycle, importsOf, readFiles } from './imports.ts'

const source = readFiles('src', '.ts', '.tsx')
const isPortal = (path: string): boolean => path.startsWith('src/portal/')
const portal = new Map([...source].filter(([path]) => isPortal(path)))
const withFile = (path: string, text: string): Files => new Map([...source, [path, text]])

/** Folders of the portal in the order in which they import: each only from those before it, and from its own. Files beside them come last. */
const folders = [
  'look',
  'generated',
  'graphql',
  'counts',
  'elements',
  'session',
  'shell',
  'members',
  'instances',
  'apps',
  'secrets',
  'keys',
  'activity',
  'portal.tsx',
  'main.tsx',
  'vite.config.ts',
  'modules.d.ts',
]

const folderAt = (path: string): string => path.split('/')[2] ?? ''

const upward = (files: Files): string[] =>
  [...files.keys()].filter(isPortal).flatMap((from) =>
    importsOf(files, from)
      .filter((to) => isPortal(to) && folders.indexOf(folderAt(to)) > folders.indexOf(folderAt(from)))
      .map((to) => `${from} → ${to}`),
  )

/** Imports by which the two programs would become one. */
const acrossPrograms = (files: Files): string[] => [
  ...edgesOf(files).flatMap(([from, to]) => (isPortal(from) === isPortal(to) ? [] : [`${from} → ${to}`])),
  ...[...files.keys()]
    .filter((path) => isPortal(path) && !path.endsWith('vite.config.ts'))
    .flatMap((from) =>
      importsOf(files, from)
        .filter((name) => /^node:|^(?!src\/portal\/)(src|test|schema|prisma|dist)\//.test(name))
        .map((name) => `${from} → ${name}`),
    ),
]

const maxComponentLines = 150
const longComponents = (files: Files): string[] =>
  [...files].filter(([path, text]) => path.endsWith('.tsx') && text.split('\n').length > maxComponentLines + 1).map(([path]) => path)

const badNames = (files: Files): string[] =>
  [...files.keys()].filter((path) => isPortal(path) && !/^src\/portal\/([a-z-]+\/)?[a-z0-9]+(-[a-z0-9]+)*(\.config|\.d)?\.tsx?$/.test(path))

/** Looks that are written in scripts, where the Content-Security-Policy and the style sheets do not reach them. */
const styled = (files: Files): string[] => [...files].filter(([path, text]) => path.endsWith('.tsx') && /\bstyles?=\{/.test(text)).map(([path]) => path)

test('the portal is a program of its own: it imports nothing of the server, and the server nothing of it', () => {
  expect(portal.size).toBeGreaterThan(60)
  expect(acrossPrograms(source)).toEqual([])
  expect(acrossPrograms(withFile('src/portal/keys/x.ts', "import { errors } from '../../errors.ts'"))).toContain('src/portal/keys/x.ts → src/errors.ts')
  expect(acrossPrograms(withFile('src/portal/keys/x.ts', "import type { Ports } from '../../generated/x.ts'"))).toHaveLength(1)
  expect(acrossPrograms(withFile('src/portal/keys/x.ts', "import { join } from 'node:path'"))).toEqual(['src/portal/keys/x.ts → node:path'])
  expect(acrossPrograms(withFile('src/server/x.ts', "import { time } from '../portal/elements/time.ts'"))).toHaveLength(1)
})

test('folders of the portal import one way, and nothing in a circle', () => {
  expect([...portal.keys()].filter((path) => !folders.includes(folderAt(path)))).toEqual([])
  expect(upward(source)).toEqual([])
  expect(findCycle(portal)).toBeNull()
  expect(upward(withFile('src/portal/elements/x.ts', "import { x } from '../keys/words.ts'"))).toEqual(['src/portal/elements/x.ts → src/portal/keys/words.ts'])
})

test('a component of the portal has at most 150 lines, a name in kebab-case, and its look in a style sheet', () => {
  expect(longComponents(source)).toEqual([])
  expect(longComponents(withFile('src/portal/keys/x.tsx', 'x\n'.repeat(151)))).toEqual(['src/portal/keys/x.tsx'])
  expect(badNames(source)).toEqual([])
  expect(badNames(withFile('src/portal/keys/KeyRow.tsx', ''))).toEqual(['src/portal/keys/KeyRow.tsx'])
  expect(styled(source)).toEqual([])
  expect(styled(withFile('src/portal/keys/x.tsx', '<b style={{ color: "red" }} />'))).toEqual(['src/portal/keys/x.tsx'])
})

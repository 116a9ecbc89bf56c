import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { type Files, readFiles } from './imports.ts'

const sorted = (ids: Iterable<string>): string[] => [...ids].sort()

/** The ids that titles begin with. Every text counts as a title, since tests of tables and templates put theirs together. */
function idsOfTitles(files: Files): string[] {
  const ids = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) {
      const [start = ''] = /^(?:[A-Z]{2}(?:-\d\d)? )*[A-Z]{2}-\d\d(?= |$)/.exec(node.text) ?? []
      for (const [id] of start.matchAll(/[A-Z]{2}-\d\d/g)) ids.add(id)
    }
    ts.forEachChild(node, visit)
  }
  for (const [path, text] of files) if (/[A-Z]{2}-\d\d/.test(text)) visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))
  return sorted(ids)
}

/** The ids of the document's rows, each below the heading of its two letters. */
const idsOfRows = (text: string): string[] =>
  text
    .split(/^## /m)
    .flatMap((section) =>
      [...section.matchAll(/^\| ([A-Z]{2}-\d\d) \| \S.* \|$/gm)].map(([, id = '']) => (section.startsWith(`${id.slice(0, 2)}: `) ? id : `${id} elsewhere`)),
    )

test('docs/guarantees.md has a line for each id of a test title, and for no other', () => {
  const files = [...readFiles('test')].filter(([path]) => path !== 'test/architecture/guarantees.test.ts')
  const ids = idsOfTitles(new Map(files))
  expect(ids.length).toBeGreaterThan(100)
  expect(sorted(idsOfRows(readFileSync('docs/guarantees.md', 'utf8')))).toEqual(ids)
})

test('ids are found in titles of any form, and in rows below their own heading', () => {
  const titles = `test('ZZ-01 YY-02 it holds', f); describe(\`ZZ-03 \${name}\`, f); table('ZZ CF-04', f); const encoding = 'UTF-16' // ZZ-05`
  expect(idsOfTitles(new Map([['test/x.test.ts', titles]]))).toEqual(['CF-04', 'YY-02', 'ZZ-01', 'ZZ-03'])
  expect(idsOfRows('## ZZ: last\n\n| ZZ-01 | It holds. |\n| YY-02 | It holds. |\n| ZZ-03 |  |\n')).toEqual(['ZZ-01', 'YY-02 elsewhere'])
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { loadConfig, settingsTable } from '../../src/config.ts'
import type { Setting } from '../../src/setting.ts'

const cellsOf = (table: string): string[][] => table.split('\n').map((row) => row.slice(2, -2).split(' | '))

/** Rows with a cell that says nothing. */
const silent = (table: string): string[][] =>
  cellsOf(table).filter((cells) => cells.length !== 4 || cells.some((cell) => /^`?(undefined|null|\[.*)?`?$/.test(cell)))

test('the table of docs/settings.md is the one of the code', () => {
  const [, table] = /<!-- settings -->\n\n([\s\S]*?)\n\n<!-- \/settings -->/.exec(readFileSync('docs/settings.md', 'utf8')) ?? []
  expect(table).toBe(settingsTable())
})

test('every setting has a row with its value, default and effect', () => {
  const { production: _, provider: __, warnings: ___, ...settings } = loadConfig({})
  const [, , ...rows] = cellsOf(settingsTable())
  expect(rows.map(([name]) => name?.replaceAll('`', ''))).toEqual(expect.arrayContaining(Object.keys(settings)))
  expect(silent(settingsTable())).toEqual([])
  expect(silent('| `PORT` | port | `undefined` | The port. |')).toHaveLength(1)
  expect(silent('| `PORT` | port | `4000` |  |')).toHaveLength(1)
  // @ts-expect-error A setting without its effect does not compile.
  const undocumented: Setting = { reads: z.string(), value: 'port' }
  expect(undocumented).not.toHaveProperty('effect')
})

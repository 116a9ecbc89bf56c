import { readFileSync } from 'node:fs'
import { CriticalityLevel, diff } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'
import { expect, test } from 'vitest'

const released = readFileSync('schema/released.graphql', 'utf8')
const current = readFileSync('schema/schema.graphql', 'utf8')

/** What breaks clients of one schema on another. */
async function breaking(before: string, after: string): Promise<string[]> {
  const changes = await diff(buildSchema(before), buildSchema(after))
  return changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking).map(({ message }) => message)
}

test('nothing of the schema of the last release was taken away or changed, so that its clients go on', async () => {
  expect(await breaking(released, current)).toEqual([])
})

test.each([
  ['a field that is gone', '  hint: String!\n', '  start: String!\n'],
  ['a field that may be null now', '  hint: String!\n', '  hint: String\n'],
  ['a value that is gone', '  NOT_YOUR_KEY\n', '  NOT_YOURS\n'],
  ['an argument that is needed now', 'keyCounts(\n', 'keyCounts(\n    other: Int!\n'],
  ['another type', '  hint: String!\n', '  hint: Int!\n'],
])('%s would be seen', async (_what, old, changed) => {
  const altered = current.replace(old, changed)
  expect(altered).not.toBe(current)
  expect(await breaking(current, altered)).not.toEqual([])
})

import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { printSchema } from '../api/print-schema.ts'
import { settingsTable } from '../config.ts'

/** Generated texts that are committed, by file, each made from the current text of the file. */
const generated: Readonly<Record<string, (now: string) => string>> = {
  'schema/schema.graphql': printSchema,
  'docs/settings.md': (now) =>
    now.replace(/(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/, (_, start: string, end: string) => `${start}\n${settingsTable()}\n\n${end}`),
}

for (const [name, print] of Object.entries(generated)) {
  const file = fileURLToPath(new URL(`../../${name}`, import.meta.url))
  const now = await readFile(file, 'utf8').catch(() => '')
  if (print(now) === now) continue
  if (!process.argv.includes('--check')) {
    await writeFile(file, print(now))
  } else {
    console.error(`${name} differs from the code. Fix: npm run generate, and commit the file.`)
    process.exitCode = 1
  }
}

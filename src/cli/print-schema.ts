import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { printSchema } from '../api/print-schema.ts'

const file = fileURLToPath(new URL('../../schema/schema.graphql', import.meta.url))
const printed = printSchema()
if (!process.argv.includes('--check')) {
  await writeFile(file, printed)
} else if ((await readFile(file, 'utf8').catch(() => '')) !== printed) {
  console.error('schema/schema.graphql is not what the code says. Mend: npm run generate, and commit the file.')
  process.exit(1)
}

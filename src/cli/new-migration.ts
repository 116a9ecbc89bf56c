import { mkdir, writeFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { drift, migrationsFolder } from '../store/schema-engine.ts'

const name = process.argv[2]
if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Usage: npm run migrate:new -- NAME, where NAME has only a-z, 0-9 and _')
  process.exit(2)
}
const sql = await drift(new PGlite({ extensions: { pg_trgm } }))
if (sql === null) {
  console.log('prisma/schema.prisma and prisma/migrations agree: nothing to write.')
} else {
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const folder = `${migrationsFolder}/${stamp}_${name}`
  await mkdir(folder, { recursive: true })
  await writeFile(`${folder}/migration.sql`, sql)
  console.log(`Wrote prisma/migrations/${stamp}_${name}/migration.sql. Read it before you commit it.`)
}
process.exit(0)

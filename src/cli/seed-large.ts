import { loadConfig } from '../config.ts'
import { openPostgres } from '../store/client.ts'
import { seedLarge } from './seed.ts'

const { DATABASE_URL } = loadConfig()
if (DATABASE_URL === undefined) {
  console.error('Set DATABASE_URL to an empty PostgreSQL database: a million keys are not for the embedded one.')
  process.exit(2)
}
const database = openPostgres(DATABASE_URL)
await database.migrate()
if ((await database.client.organization.count()) > 0) {
  console.error('The database is not empty. Give an empty one.')
  process.exit(2)
}
await seedLarge(database.client, { keys: Number(process.argv[2] ?? 1_000_000), instances: 10_000, organizations: 3 }, console.log)
await database.close()

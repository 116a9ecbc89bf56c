import { rmSync } from 'node:fs'
import { openPGlite } from '../store/client.ts'
import { templateFolder } from '../store/data-folder.ts'

// initdb takes seconds and much memory: it runs once, here, and every start and every test begins with a copy.
rmSync(templateFolder, { recursive: true, force: true })
const database = await openPGlite(templateFolder)
await database.migrate()
await database.close()
process.exit(0)

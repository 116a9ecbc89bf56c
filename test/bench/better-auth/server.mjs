// better-auth's API keys behind node:http, as its documentation has a server ask: the plugin offers no route for it. The keys are those of the
// file `KEYS`, copied from one that better-auth made itself. Its limit of ten uses a day is off. It verifies, and at `/create` it creates.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import pg from 'pg'

// In a schema of its own: both have a table for sessions.
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL, options: '-c search_path=better_auth' })
await database.query('CREATE SCHEMA better_auth')
const options = {
  database,
  secret: 'a secret for the keys of a benchmark',
  baseURL: 'http://127.0.0.1',
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
}
const { runMigrations } = await getMigrations(options)
await runMigrations()
const auth = betterAuth(options)

const keys = readFileSync(process.env.KEYS, 'latin1').trim().split('\n')
await database.query(
  `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt") VALUES ('ada', 'Ada', 'ada@bench.example', true, now(), now())`,
)
const { id } = await auth.api.createApiKey({ body: { userId: 'ada', name: 'first' } })
const { rows: columns } = await database.query(
  "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'better_auth' AND table_name = 'apikey'",
)
const copied = columns.map(({ name }) => `"${name}"`).filter((name) => name !== '"id"' && name !== '"key"')
await database.query(
  `INSERT INTO apikey (id, key, ${copied}) SELECT 'copy-' || n, hash, ${copied.map((name) => `a.${name}`)}
   FROM unnest($1::text[]) WITH ORDINALITY h(hash, n), apikey a WHERE a.id = $2`,
  [keys.map((key) => createHash('sha256').update(key).digest('base64url')), id],
)
await database.query('ANALYZE apikey')

const create = { userId: 'ada', name: 'benched', expiresIn: 30 * 86_400 }
const answers = {
  '/create': () => auth.api.createApiKey({ body: create }),
  '/v1/verify': (text) => auth.api.verifyApiKey({ body: { key: JSON.parse(text).key } }),
}
const server = createServer((request, response) => {
  const answer = answers[request.url]
  if (request.method !== 'POST' || !answer) return response.writeHead(404).end()
  let text = ''
  request.on('data', (part) => {
    text += part
  })
  request.on('end', async () => {
    const json = JSON.stringify(await answer(text))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }).end(json)
  })
})
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))

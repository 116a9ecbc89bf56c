// What creating keys can cost at best, over HTTP. `one statement` checks the token, finds the member, and writes all that this server writes in one
// statement. `insert` checks nobody, and writes one row with the columns of a key into a table without triggers and with one index. The others take the
// steps of this server.
import { pool, serve } from '../http/checked.mjs'
import { createInOneStatement, newKey } from '../http/one-statement.mjs'
import { steps } from './steps.mjs'

const inputOf = (body) => JSON.parse(body).variables.input
const answerOf = (made) => JSON.stringify({ data: { createApiKey: made } })

async function serveInserts() {
  await pool.query('CREATE TABLE IF NOT EXISTS bare_key (LIKE api_key INCLUDING DEFAULTS, PRIMARY KEY (id))')
  const text = `INSERT INTO bare_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, folded, trigrams)
    VALUES ($1, $2, 'app', $3, $4, $5, $6, $7, $8, $9, $10)`
  const nobody = { organizationId: 'org', memberId: 'mem' }
  serve(async (body) => {
    const { id, plaintext, columns } = newKey(nobody, inputOf(body))
    await pool.query({ name: 'insert', text, values: columns })
    return answerOf({ plaintext, apiKey: { id } })
  }, false)
}

const { KIND } = process.env
if (KIND === 'insert') await serveInserts()
else {
  const create = (await steps[KIND]?.()) ?? createInOneStatement
  serve(async (body, member) => answerOf(await create(member, inputOf(body))))
}

// What servers written by hand do before they answer, as this server does: its own check of the token, and one prepared statement that finds the
// member. Around it is node:http alone.
import { createServer } from 'node:http'
import pg from 'pg'
import { createIdentify } from '../../../dist/authentication/authenticate.js'
import { createSecretVerifier } from '../../../dist/authentication/tokens.js'

const { AUTH_SECRET = '', DATABASE_URL } = process.env
/** As many connections as this server has for operations. */
export const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })

const now = () => new Date()
const { identify } = createIdentify({
  tokens: createSecretVerifier(new TextEncoder().encode(AUTH_SECRET), now),
  organizationClaim: 'org',
  defaultOrganization: null,
  now,
})
const memberStatement = `SELECT m.id AS "memberId", m.organization_id AS "organizationId", m.role, o.version FROM member m JOIN organization o ON o.id = m.organization_id
  WHERE m.subject = $1 AND m.removed_at IS NULL AND (o.id = $2 OR o.slug = $2) LIMIT 1`

/** The member of a request. */
export async function memberOf(authorization) {
  const { subject, organization } = await identify({ authorization, organization: undefined })
  const { rows } = await pool.query({ name: 'member', text: memberStatement, values: [subject, organization] })
  if (!rows[0]) throw new Error('nobody')
  return { ...rows[0], subject, all: rows[0].role !== 'MEMBER' }
}

/** Answers each POST with the JSON that `answer` makes of its body, and of its member if those are checked. */
export function serve(answer, isChecked = true) {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part) => {
      body += part
    })
    request.on('end', async () => {
      try {
        const member = isChecked ? await memberOf(request.headers.authorization) : null
        const json = await answer(body, member)
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }).end(json)
      } catch (error) {
        response.writeHead(500).end(String(error))
      }
    })
  })
  server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))
}

// Wraps secrets anew while it reads them, and kills itself (kill -9) after so many statements of that. Run by crash-rewrap.test.ts, on the built program.

import { createApp } from '../../dist/apps/create-app.js'
import { compose } from '../../dist/compose.js'
import { loadConfig } from '../../dist/config.js'
import { createAppInstance } from '../../dist/instances/create-app-instance.js'
import { createApiKey } from '../../dist/keys/create-api-key.js'
import { bootstrapOrganization } from '../../dist/organizations/bootstrap-organization.js'
import { placesOf } from '../../dist/secrets/model.js'
import { rewrapSecrets } from '../../dist/secrets/rewrap-secrets.js'

const { secrets, point } = JSON.parse(process.argv[2])
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
let left = Number.POSITIVE_INFINITY
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** Only what wraps counts: while its first statement waits for a connection, the readers send any number of theirs. */
const wraps = (statement) => /^UPDATE secret|sealed FOR 1\) </.test(statement.trim())
const onStatement = (statement) => {
  if (wraps(statement)) left--
  if (left <= 0) process.kill(process.pid, 'SIGKILL')
}
const app = await compose(loadConfig(), { log: silent, onStatement })
const { ports, database } = app
const sql = (text) => database.client.$queryRawUnsafe(text)

if (secrets) {
  const ids = await bootstrapOrganization(ports, { slug: 'crash', name: 'Crash', owner: { subject: 'owner', name: 'Owner' } })
  const actor = { ...ids, subject: 'owner', role: 'OWNER', organizationVersion: 0n, expiresAt: new Date(Date.now() + 3_600_000) }
  const { appId } = await createApp(ports, actor, { slug: 'app', name: 'App' })
  const { instanceId } = await createAppInstance(ports, actor, { appId, name: 'instance' })
  for (let number = 0; number < secrets; number++) {
    // Half of them as a node of the former version would: it knows keys, and no format.
    ports.seals.agree(new Set(number % 2 === 0 ? ports.seals.kekIds : ports.seals.knownIds))
    await createApiKey(ports, actor, { instanceId, name: 'key', expiresInDays: 9, saveAsSecret: { name: `secret_${number}` } })
  }
}

const [owner] = await sql("SELECT id, organization_id FROM member WHERE role = 'OWNER'")
const scope = { organizationId: owner.organization_id, memberId: owner.id, role: 'OWNER', all: true, kept: [] }
const ids = (await sql('SELECT id FROM secret ORDER BY id')).map((row) => row.id)
const read = async (id) => {
  const row = await ports.secrets.sealed(scope, id)
  const value = row && ports.seals.open(placesOf(row), row.sealed)
  if (!value?.startsWith('aura_')) print({ unreadable: id })
}
for (const id of ids) await read(id)
const [{ n: format1 }] = await sql('SELECT count(*)::int AS n FROM secret WHERE get_byte(sealed, 0) = 1')
print({ format1, found: await sql('SELECT kek_id AS "kekId", count(*)::int AS n FROM secret GROUP BY kek_id ORDER BY kek_id'), secrets: ids.length })
if (point !== undefined) {
  let rewrapping = true
  const reading = async () => {
    for (let at = 0; rewrapping; at++) await read(ids[(at * 7) % ids.length])
  }
  const readers = reading()
  left = point ?? left
  while ((await rewrapSecrets(ports)) > 0);
  rewrapping = false
  await readers
  await app.tidy()
}
print({ ended: true })
await app.close()

// Gives an instance a new API key, saved as a secret, and revokes the old ones of the same name, with typed documents.
// npm run generate:operations, then with Node 22.18 or newer: node examples/typescript/rotate-key.ts
import { CreateApiKeyDocument, FindInstanceDocument, InstanceKeysDocument, RevokeApiKeysDocument, type TypedDocumentString } from './operations.ts'

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`set ${name}`)
  return value
}
const [url, app, instanceName, keyName, runId] = ['AURA_KEYS_URL', 'APP', 'INSTANCE', 'KEY_NAME', 'RUN_ID'].map(setting) as [
  string,
  string,
  string,
  string,
  string,
]

const form = { grant_type: 'client_credentials', client_id: setting('CLIENT_ID'), client_secret: setting('CLIENT_SECRET') }
const resource = process.env['AUDIENCE'] ? { resource: process.env['AUDIENCE'] } : {}
const granted = await fetch(setting('TOKEN_URL'), { method: 'POST', body: new URLSearchParams({ ...form, ...resource, scope: process.env['SCOPE'] ?? '' }) })
const { access_token: token } = (await granted.json()) as { access_token?: string }
if (!token) throw new Error('the identity provider gave no token')

async function gql<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: document.toString(), variables }) })
  const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] }
  if (errors) throw new Error(errors.map((error) => error.message).join('; '))
  return data
}

const found = await gql(FindInstanceDocument, { app, name: instanceName })
const [instance] = found.app?.instances.edges.map(({ node }) => node).filter(({ name }) => name === instanceName) ?? []
if (!instance) throw new Error(`no instance ${instanceName} of ${app} that this client may see`)
const old = await gql(InstanceKeysDocument, { id: instance.id, filter: { search: keyName, status: ['ACTIVE', 'EXPIRED'] }, first: 100 })
const secret = `${keyName}_${runId}`.replace(/\W/g, '_').slice(0, 64)
const input = { instanceId: instance.id, name: keyName, expiresInDays: 90, saveAsSecret: { name: secret }, idempotencyKey: `${keyName}-${runId}` }
const created = (await gql(CreateApiKeyDocument, { input })).createApiKey
const ids =
  old.instance?.apiKeys.edges
    .map(({ node }) => node)
    .filter(({ name, id }) => name === keyName && id !== created?.apiKey.id)
    .map(({ id }) => id) ?? []
const revoked = ids.length > 0 ? (await gql(RevokeApiKeysDocument, { input: { ids, acknowledged: true } })).revokeApiKeys?.results : []
const refused = revoked?.find(({ errorCode }) => errorCode)
if (refused) throw new Error(`a key could not be revoked: ${refused.errorCode}`)
console.log(JSON.stringify({ key: created?.apiKey.id, hint: created?.apiKey.hint, secret: created?.secret?.name, revoked: ids.length }))

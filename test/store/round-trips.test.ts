import { afterAll, expect, test } from 'vitest'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKey } from '../../src/keys/revoke-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import type { Ports } from '../../src/ports.ts'
import { deleteSecret } from '../../src/secrets/delete-secret.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { saveApiKeyAsSecret } from '../../src/secrets/save-api-key-as-secret.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Packets, watchPackets } from '../support/packets.ts'

const { server, company } = await companyOfFile()
const { ownA, devA } = company.members
const { DATABASE_URL } = server.app.config
// The embedded database has no connection on which anything could wait.
const packets: Packets | null = DATABASE_URL === undefined ? null : await watchPackets(DATABASE_URL)
const node = await server.node(packets ? { DATABASE_URL: packets.url } : {})
afterAll(async () => {
  await node.close()
  packets?.stop()
})

const input = (more: object = {}) => ({ instanceId: company.I1, name: 'x', expiresInDays: 1, ...more })
const made = async (name: string) => createApiKey(server.app.ports, ownA, input({ saveAsSecret: { name } }))
const instance = async () => createAppInstance(server.app.ports, ownA, { appId: company.appId, name: 'x' })
const newcomer = async (subject: string) => addMember(server.app.ports, ownA, { subject, name: 'x', role: 'MEMBER' })

type Call = (ports: Ports) => Promise<unknown>

/** Round trips while the organization is held, the one that locks and the one that commits included, of changes that are prepared and then made. */
const changes: Record<string, [trips: number, prepare: () => Promise<Call>]> = {
  createApiKey: [2, async () => (ports) => createApiKey(ports, devA, input())],
  'createApiKey with an idempotency key': [3, async () => (ports) => createApiKey(ports, devA, input({ idempotencyKey: 'once' }))],
  'createApiKey that saves it': [3, async () => (ports) => createApiKey(ports, devA, input({ saveAsSecret: { name: 'saved' } }))],
  revokeApiKey: [
    2,
    async () => {
      const { keyId: id } = await createApiKey(server.app.ports, devA, input())
      return (ports) => revokeApiKey(ports, devA, { id, acknowledged: true })
    },
  ],
  'revokeApiKeys of a hundred': [
    2,
    async () => {
      const ids: string[] = []
      for (let index = 0; index < 100; index++) ids.push((await createApiKey(server.app.ports, ownA, input())).keyId)
      return (ports) => revokeApiKeys(ports, ownA, { ids, acknowledged: true })
    },
  ],
  saveApiKeyAsSecret: [
    4,
    async () => {
      const { saveToken } = await createApiKey(server.app.ports, devA, input())
      return (ports) => saveApiKeyAsSecret(ports, devA, { saveToken: saveToken ?? '', name: 'later' })
    },
  ],
  revealSecret: [
    2,
    async () => {
      const { secretId } = await made('revealed')
      return (ports) => revealSecret(ports, ownA, { id: secretId ?? '' })
    },
  ],
  deleteSecret: [
    2,
    async () => {
      const { secretId } = await made('deleted')
      return (ports) => deleteSecret(ports, ownA, { id: secretId ?? '' })
    },
  ],
  createApp: [4, async () => (ports) => createApp(ports, ownA, { slug: 'more', name: 'x' })],
  createAppInstance: [3, async () => (ports) => createAppInstance(ports, ownA, { appId: company.appId, name: 'x' })],
  deleteAppInstance: [
    3,
    async () => {
      const { instanceId: id } = await instance()
      return (ports) => deleteAppInstance(ports, ownA, { id, acknowledged: true })
    },
  ],
  setInstanceAccess: [
    4,
    async () => {
      const { memberId } = await newcomer('reader')
      return (ports) => setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId, role: 'USER' })
    },
  ],
  addMember: [4, async () => (ports) => addMember(ports, ownA, { subject: 'new', name: 'x', role: 'MEMBER' })],
  setMemberRole: [
    2,
    async () => {
      const { memberId: id } = await newcomer('promoted')
      return (ports) => setMemberRole(ports, ownA, { id, role: 'AURA_OWNER' })
    },
  ],
  removeMember: [
    3,
    async () => {
      const { memberId: id } = await newcomer('leaver')
      return (ports) => removeMember(ports, ownA, { id, acknowledged: true })
    },
  ],
}

for (const [name, [trips, prepare]] of Object.entries(changes)) {
  test(`${name} holds its organization for ${trips} round trips`, async () => {
    const call = await prepare()
    packets?.taken()
    await call(node.app.ports)
    expect(packets?.taken() ?? [trips]).toEqual([trips])
  })
}

const refusals = [
  ['55P03', 'UNAVAILABLE', 'Nothing was changed'],
  ['23514', 'INTERNAL', ''],
] as const

for (const [sqlState, code, text] of refusals) {
  test(`a COMMIT behind a statement that PostgreSQL refuses with ${sqlState} is no success: ${code}`, async () => {
    const run = (sql: string) => server.app.database.client.$executeRawUnsafe(sql)
    const rows = () => server.sql('SELECT (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM event) AS events, sum(version) FROM organization')
    const before = await rows()
    await run(`CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${sqlState}'; END $$`)
    await run('CREATE TRIGGER refuse_event BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse_event()')
    const answer = await server.graphql(
      { toString: () => 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { plaintext } }' } as never,
      { input: input() } as never,
      { subject: 'devA', organization: 'a' },
    )
    await run('DROP FUNCTION refuse_event CASCADE')
    expect(answer.errors?.map(({ message, extensions }) => [extensions.code, message.includes(text)])).toEqual([[code, true]])
    expect(await rows()).toEqual(before)
    await createApiKey(server.app.ports, devA, input())
  })
}

import { describe, expect, test, vi } from 'vitest'
import { createChangeBy } from '../../src/change/change-by.ts'
import { newId } from '../../src/ids.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import type { Ports } from '../../src/ports.ts'
import { revealSecret } from '../../src/secrets/reveal-secret.ts'
import { ApiKeyChangedDocument, type ApiKeyChangedSubscription, EventsDocument, KeyCountsDocument, KeyCountsOfDocument } from '../generated/operations.ts'
import { as, type Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type Line, lines } from '../support/line.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

const version = async (): Promise<number> => Number(await server.app.ports.organizations.version(company.members.ownA.organizationId))
const told = ({ texts }: Line): string => texts.join()
/** Waits until each line has told of the key. */
const hasTold = (all: readonly Line[], { id }: { id: string }) =>
  vi.waitFor(() => expect(all.map((line) => told(line).includes(id))).toEqual(all.map(() => true)), { timeout: 10_000 })

for (const [transport, open] of Object.entries(lines)) {
  describe(`over ${transport}`, () => {
    const follow = async <Data = unknown>(document: { toString(): string }, variables: object, person: Person): Promise<Line<Data>> => {
      const { subject, organization } = as(person)
      return open<Data>(server, document.toString(), variables, `Bearer ${await server.token(subject, organization)}`)
    }

    test('EV-05 a change says version, kind, key and time, and never plaintext, digest or the name of a secret', async () => {
      const { devA } = company.members
      const after = await version()
      const people = ['ownA', 'auraA', 'devA', 'dev2A'] as const
      const feeds = await Promise.all(people.map((person) => follow<ApiKeyChangedSubscription>(ApiKeyChangedDocument, { after }, person)))
      const logs = await Promise.all((['ownA', 'auraA'] as const).map((person) => follow(EventsDocument, { after }, person)))
      const name = `HIDDEN_${transport.toUpperCase()}`
      const { keyId, secretId } = await createApiKey(server.app.ports, devA, { instanceId: company.I1, name: 'told', expiresInDays: 1, saveAsSecret: { name } })
      const key = { id: keyId }
      const plaintext = (await revealSecret(server.app.ports, devA, { id: secretId ?? '' })).value.expose()
      await hasTold([...feeds, ...logs], key)
      // The last event of this test, so that all before it have arrived.
      const last = await company.createKey('ownA', company.I1)
      await hasTold([...feeds, ...logs], last)
      const rows = await server.sql<{ row: string; digest: string }>(
        "SELECT d::text AS row, encode(digest, 'hex') AS digest FROM key_digest d WHERE key_id = $1",
        keyId,
      )
      const digest = Buffer.from(rows[0]?.digest ?? '', 'hex')
      expect(digest).toHaveLength(32)
      const [ofOwner, ...others] = [...logs, ...feeds]
      for (const line of [...logs, ...feeds]) {
        for (const hidden of [plaintext, plaintext.slice(-49), Buffer.from(plaintext).toString('base64').slice(0, -4)]) expect(told(line)).not.toContain(hidden)
        for (const form of ['hex', 'base64', 'base64url'] as const) expect(told(line)).not.toContain(digest.toString(form))
        line.leave()
      }
      // All names of secrets are for organization owners, in their log; the feed of changes names none.
      expect(told(ofOwner as Line)).toContain(name)
      for (const line of others) expect(told(line)).not.toContain(name)
      for (const { answers } of feeds) {
        const first = answers.find(({ data }) => data?.apiKeyChanged.apiKey.id === keyId)?.data?.apiKeyChanged
        expect(first).toMatchObject({ version: after + 1, kind: 'API_KEY_CREATED', occurredAt: server.time.now.toISOString(), apiKey: { id: keyId } })
      }
    })

    test('EV-08 a change that is undone tells nobody anything, and takes no version', async () => {
      const after = await version()
      const feed = await follow<ApiKeyChangedSubscription>(ApiKeyChangedDocument, { instanceId: company.I1, after }, 'devA')
      const log = await follow(EventsDocument, { after }, 'ownA')
      const counts = await follow<{ keyCounts: { active: number } }>(KeyCountsDocument, { instanceId: company.I1 }, 'devA')
      await vi.waitFor(() => expect(counts.answers).toHaveLength(1), { timeout: 20_000 })
      const before = counts.answers[0]?.data?.keyCounts.active ?? Number.NaN
      let undone = ''
      const undoing: Ports['change'] = (organizationId, body) =>
        server.app.ports.change(organizationId, async (inside) => {
          const answer = await body(inside)
          undone = (answer as { keyId: string }).keyId
          throw new Error('undone')
        })
      const input = { instanceId: company.I1, name: 'undone', expiresInDays: 1 }
      await expect(createApiKey({ ...server.app.ports, changeBy: createChangeBy(server.app.ports, undoing) }, company.members.devA, input)).rejects.toThrow(
        'undone',
      )
      expect(undone).toMatch(/^key_/)
      const real = await company.createKey('devA', company.I1)
      await hasTold([feed, log], real)
      await vi.waitFor(() => expect(counts.answers.at(-1)?.data?.keyCounts.active).toBe(before + 1), { timeout: 20_000 })
      expect(feed.answers.map(({ data }) => [data?.apiKeyChanged.version, data?.apiKeyChanged.apiKey.id])).toEqual([[after + 1, real.id]])
      expect(log.answers).toHaveLength(1)
      for (const line of [feed, log, counts]) {
        expect(told(line)).not.toContain(undone)
        line.leave()
      }
      expect(counts.answers.map(({ data }) => data?.keyCounts.active)).toEqual([before, before + 1])
    })

    test('EV-12 a foreign id and an unknown one get the same answer, byte for byte', async () => {
      const cases = [
        [ApiKeyChangedDocument, 'instanceId', company.J1, newId('ins')],
        [ApiKeyChangedDocument, 'appId', company.otherAppId, newId('app')],
        [KeyCountsDocument, 'instanceId', company.J1, newId('ins')],
        [KeyCountsDocument, 'appId', company.otherAppId, newId('app')],
        [KeyCountsOfDocument, 'instanceIds', company.J1, newId('ins')],
        [KeyCountsOfDocument, 'appIds', company.otherAppId, newId('app')],
        // Of one's own organization, but out of sight.
        [ApiKeyChangedDocument, 'instanceId', company.I2, newId('ins')],
        [KeyCountsDocument, 'instanceId', company.I2, newId('ins')],
      ] as const
      for (const [document, argument, ...ids] of cases) {
        const [foreign, unknown] = await Promise.all(
          ids.map(async (id) => {
            const line = await follow(document, { [argument]: argument.endsWith('s') ? [id] : id }, 'devA')
            await vi.waitFor(() => expect(line.answers).toHaveLength(1), { timeout: 20_000 })
            // A socket ends a refused operation by the error alone.
            if (transport === 'SSE') expect(await line.ended).toBe('complete')
            line.leave()
            return { texts: line.texts.map((text) => text.replaceAll(id, 'ID')), codes: line.answers[0]?.errors?.map(({ extensions }) => extensions.code) }
          }),
        )
        expect(foreign?.codes).toEqual(['NOT_FOUND'])
        expect(foreign).toEqual(unknown)
      }
      expect(server.app.ports.hub.size).toBe(0)
    })

    test('EV-13 changes of keys whose instance was deleted are told to organization owners and Aura Owners alone', async () => {
      const { ownA, devA, dev2A, viewA } = company.members
      const { ports } = server.app
      const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'to be deleted' })
      for (const [{ memberId }, role] of [
        [devA, 'OWNER'],
        [dev2A, 'USER'],
      ] as const)
        await setInstanceAccess(ports, ownA, { instanceId, memberId, role })
      await setInstanceAccess(ports, ownA, { instanceId: company.I1, memberId: viewA.memberId, role: 'USER' })
      const begin = await version()
      const orphan = await company.createKey('devA', instanceId)
      const created = await version()
      const owners = ['ownA', 'auraA'] as const
      const granted = ['devA', 'dev2A', 'viewA'] as const
      const all = (people: readonly Person[], after: number): Promise<Line[]> =>
        Promise.all(people.flatMap((person) => [{}, { appId: company.appId }].map((of) => follow(ApiKeyChangedDocument, { ...of, after }, person))))
      // Those who followed before the deletion, from after the key was made.
      const [told1, untold1] = [await all(owners, created), await all(granted, created)]
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(10), { timeout: 20_000 })
      await deleteAppInstance(ports, ownA, { id: instanceId, acknowledged: true })
      await revokeApiKeys(ports, ownA, { ids: [orphan.id], acknowledged: true })
      // And those who come afterwards and ask for the time when they could see it.
      const [told2, untold2] = [await all(owners, begin), await all(granted, begin)]
      const last = await company.createKey('ownA', company.I1)
      const [told, untold] = [
        [...told1, ...told2],
        [...untold1, ...untold2],
      ]
      await hasTold([...told, ...untold], last)
      const kinds = (line: Line): string[] =>
        (line as Line<ApiKeyChangedSubscription>).answers.flatMap(({ data }) =>
          data?.apiKeyChanged.apiKey.id === orphan.id ? [data.apiKeyChanged.kind as string] : [],
        )
      for (const line of told1) expect(kinds(line)).toEqual(['API_KEY_ORPHANED', 'API_KEY_REVOKED'])
      for (const line of told2) expect(kinds(line)).toEqual(['API_KEY_CREATED', 'API_KEY_ORPHANED', 'API_KEY_REVOKED'])
      for (const line of untold) expect(line.texts.join()).not.toContain(orphan.id)
      for (const line of [...told, ...untold]) line.leave()
      await vi.waitFor(() => expect(server.app.ports.hub.size).toBe(0), { timeout: 20_000 })
    })
  })
}

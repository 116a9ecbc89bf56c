import { Client } from 'pg'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import { setMemberRole } from '../../src/members/set-member-role.ts'
import { operations, outcomeOf } from '../access/cells.ts'
import { createSubjects, keepSubjects, type Subjects } from '../access/subjects.ts'
import { type Cell, cellsOf, rootFields, schema } from '../access/table.ts'
import { as, type Company } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { type GraphQLAnswer, requestStatements, type TestServer } from '../support/server.ts'
import { everyTransport, type Sent } from '../support/transports.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })
let subjects: { fresh: Subjects; kept: Subjects }

beforeAll(async () => {
  const fresh = await createSubjects(server, company)
  subjects = { fresh, kept: keepSubjects(fresh) }
})
afterEach(() => vi.restoreAllMocks())

const mutations = rootFields(schema).filter((field) => field.startsWith('Mutation.'))
const isRefused = ({ expected }: Cell): boolean => expected === 'NOT_FOUND' || expected === 'FORBIDDEN'

async function sentOf(from: Subjects, { field, name, person }: Cell): Promise<Sent> {
  const sent = operations[field]?.(await from(name, person), company)
  if (!sent) throw new Error(`nobody says how ${field} is sent`)
  return sent
}

const isLock = (sql: string): boolean => sql.includes('FOR NO KEY UPDATE')

type Sql = TestServer['sql']

/** Another session's hold on every organization, until it is released, and what that session writes meanwhile. The embedded database has no other session: there nobody holds it. */
async function hold(): Promise<{ sql: Sql; release(): Promise<void> }> {
  const { DATABASE_URL } = server.app.config
  if (DATABASE_URL === undefined) return { sql: server.sql, release: async () => undefined }
  const holder = new Client({ connectionString: DATABASE_URL })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT 1 FROM organization FOR NO KEY UPDATE')
  return {
    sql: async (text, ...values) => (await holder.query(text, values)).rows as never,
    release: async () => {
      await holder.query('COMMIT')
      await holder.end()
    },
  }
}

type Send = () => Promise<GraphQLAnswer<unknown>>
type Meanwhile = (sql: Sql) => Promise<void>

/** Sends, and runs `meanwhile` once it is known who asks, before anything is looked at. */
async function sendAndOnceKnown(send: Send, meanwhile: Meanwhile): Promise<GraphQLAnswer<unknown>> {
  const { ports } = server.app
  const { authenticate } = ports
  vi.spyOn(ports, 'authenticate').mockImplementationOnce(async (credential) => {
    const actor = await authenticate(credential)
    await meanwhile(server.sql)
    return actor
  })
  return send()
}

/** Sends, and runs `meanwhile` once the look before the lock is over, before the one under it. */
async function sendAndOnceLooked(send: Send, meanwhile: Meanwhile): Promise<GraphQLAnswer<unknown>> {
  const { kind, client } = server.app.database
  if (kind === 'pglite') {
    const transaction = client.$transaction.bind(client) as (...parameters: unknown[]) => Promise<unknown>
    vi.spyOn(client, '$transaction').mockImplementationOnce((async (...parameters: unknown[]) => {
      await meanwhile(server.sql)
      return transaction(...parameters)
    }) as never)
    return send()
  }
  const holder = await hold()
  const answer = send()
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
  await vi.waitFor(async () => expect(await server.sql(waiting)).toHaveLength(1), { timeout: 20_000 })
  // Whoever takes a right away moves the organization's mark, and holds it for that.
  await meanwhile(holder.sql)
  await holder.release()
  return answer
}

type Loss = [loss: 'demoted' | 'removed', cell: Cell, expected: string]

/** Who may make the change, what they lose, and what they are told then: the same as another member without any role. */
function lossesOf(field: string): Loss[] {
  const cells = cellsOf(field)
  const told = (name: string): string =>
    cells.find((cell) => cell.role === 'otherMember' && (cell.name === name || cell.name === `${name}, access lost since`))?.expected ?? ''
  const able = cells.filter(({ name, role, expected }) => expected === 'data' && role !== 'otherOrg' && /NOT_FOUND|FORBIDDEN/.test(told(name)))
  const firstOfRole = able.filter((cell) => able.find(({ role }) => role === cell.role) === cell)
  return firstOfRole.flatMap((cell): Loss[] => [
    ['removed', cell, 'UNAUTHENTICATED'],
    ['demoted', cell, told(cell.name)],
  ])
}

for (const field of mutations) {
  const refused = cellsOf(field).filter((cell) => cell.person !== null && isRefused(cell))
  // Over the streams one case of each kind: behind the transport all is the same.
  const kinds = [...new Map(refused.map((cell) => [cell.expected, cell])).values()]
  describe(field, () => {
    for (const [transport, send] of Object.entries(everyTransport)) {
      const cells = transport === 'HTTP' ? refused : kinds

      test(`refused over ${transport} it takes no lock, and answers while another session holds the organization`, async () => {
        expect(cells.length).toBeGreaterThan(0)
        const cases: [Cell, Sent][] = []
        for (const cell of cells) cases.push([cell, await sentOf(subjects.kept, cell)])
        const holder = await hold()
        server.statements.length = 0
        for (const [{ name, role, sender, expected }, sent] of cases) {
          expect([name, role, outcomeOf(await send(server, sent, sender))]).toEqual([name, role, expected])
        }
        await holder.release()
        expect(server.statements.filter(isLock)).toEqual([])
      })
    }

    const [changing] = cellsOf(field).filter(({ expected, role }) => expected === 'data' && role === 'orgOwner')

    test('what it looks at before the lock it only reads, and looks at again under it', async () => {
      const sent = await sentOf(subjects.fresh, changing as Cell)
      server.statements.length = 0
      expect(outcomeOf(await everyTransport.HTTP(server, sent, as('ownA')))).toBe('data')
      const statements = requestStatements(server)
      expect(statements.filter(isLock)).toHaveLength(1)
      const [before, under] = [statements.slice(0, statements.findIndex(isLock)), statements.slice(statements.findIndex(isLock))]
      expect(before.filter((sql) => !/^\s*SELECT/.test(sql))).toEqual([])
      // The first one finds who asks.
      const looks = before.slice(1)
      expect(looks.filter((sql) => !under.includes(sql))).toEqual([])
      expect(looks.length > 0).toBe(refused.some(({ expected }) => expected === 'NOT_FOUND'))
    })

    const losses = lossesOf(field)
    test('somebody can lose the right to it', () => expect(losses.length).toBeGreaterThan(1))

    for (const [loss, cell, expected] of losses) {
      for (const [moment, sendAnd] of [
        ['between authentication and the first look', sendAndOnceKnown],
        ['between the two looks', sendAndOnceLooked],
      ] as const)
        test(`${cell.role} who is ${loss} ${moment} is refused: ${expected}`, async () => {
          const sent = await sentOf(subjects.fresh, cell)
          const version = () => server.sql('SELECT slug, version FROM organization ORDER BY slug')
          const before = await version()
          const { memberId, role } = company.members[cell.person as keyof Company['members']]
          let lost: { instance: string; role: string }[] = []
          const answer = await sendAnd(
            () => everyTransport.HTTP(server, sent, cell.sender),
            async (sql) => {
              if (loss === 'removed') await sql('UPDATE member SET removed_at = now() WHERE id = $1 RETURNING 1', memberId)
              else await sql(`UPDATE member SET role = 'MEMBER' WHERE id = $1 RETURNING 1`, memberId)
              lost = await sql('DELETE FROM instance_access WHERE member_id = $1 RETURNING instance_id AS instance, role::text', memberId)
            },
          )
          await server.sql(`UPDATE member SET removed_at = NULL, role = $2::"OrganizationRole" WHERE id = $1 RETURNING 1`, memberId, role)
          for (const each of lost) {
            const insert = 'INSERT INTO instance_access (instance_id, member_id, role) VALUES ($1, $2, $3::"InstanceRole") RETURNING 1'
            await server.sql(insert, each.instance, memberId, each.role)
          }
          expect(outcomeOf(answer)).toBe(expected)
          expect(await version()).toEqual(before)
        })
    }
  })
}

describe('refused behind the rules of the schema', () => {
  const input = { subject: 'nobody-yet', name: 'x', role: 'MEMBER' } as const
  const cases: Record<string, (at: TestServer['app']['ports'], { auraA, devA, ownA }: Company['members']) => Promise<unknown>> = {
    createApp: (ports, { devA }) => createApp(ports, devA, { slug: 'more', name: 'x' }),
    createAppInstance: (ports, { devA }) => createAppInstance(ports, devA, { appId: company.appId, name: 'x' }),
    addMember: (ports, { auraA }) => addMember(ports, auraA, input),
    removeMember: (ports, { auraA, devA }) => removeMember(ports, auraA, { id: devA.memberId, acknowledged: true }),
    setMemberRole: (ports, { auraA, devA }) => setMemberRole(ports, auraA, { id: devA.memberId, role: 'OWNER' }),
  }
  for (const [name, run] of Object.entries(cases)) {
    test(`${name} by who has not the role takes no lock`, async () => {
      server.statements.length = 0
      await expect(run(server.app.ports, company.members)).rejects.toMatchObject({ extensions: { code: 'FORBIDDEN' } })
      expect(server.statements.filter(isLock)).toEqual([])
    })
  }
})

describe('a repetition', () => {
  const repeated: [field: string, name: string][] = [
    ['Mutation.deleteAppInstance', 'deleted instance'],
    ['Mutation.removeMember', 'removed member'],
    ['Mutation.revokeApiKey', 'revoked key'],
    ['Mutation.revokeApiKeys', 'revoked key'],
  ]
  for (const [field, name] of repeated) {
    test(`${field} of a ${name} takes no lock, answers while another session holds the organization, and is no event`, async () => {
      const cell = cellsOf(field).find((each) => each.name === name && each.role === 'orgOwner') as Cell
      const sent = await sentOf(subjects.kept, cell)
      const events = () => server.sql('SELECT count(*) FROM event')
      const before = await events()
      const holder = await hold()
      server.statements.length = 0
      expect(outcomeOf(await everyTransport.HTTP(server, sent, as('ownA')))).toBe('data')
      expect(server.statements.filter(isLock)).toEqual([])
      await holder.release()
      expect(await events()).toEqual(before)
    })
  }

  test('setMemberRole to the role that holds takes no lock', async () => {
    server.statements.length = 0
    await setMemberRole(server.app.ports, company.members.ownA, { id: company.members.viewA.memberId, role: 'MEMBER' })
    expect(server.statements.filter(isLock)).toEqual([])
  })
})

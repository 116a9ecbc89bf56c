import { type DocumentNode, execute, parse } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { createSchema, rules } from '../../src/api/schema.ts'
import { createContext } from '../../src/graphql/context.ts'
import { executePlanned } from '../../src/graphql/planned.ts'
import { refusals } from '../../src/graphql/refusals.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { revokeApiKey } from '../../src/keys/revoke-api-key.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import type { Person } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { newSeed, seededRandom } from '../support/random.ts'
import { createOperationWriter } from '../support/random-operation.ts'

const { server, company } = await companyOfFile()
const { schema } = createSchema()
const asking: readonly Person[] = ['ownA', 'auraA', 'devA', 'dev2A', 'viewA', 'ownB']
let ids: string[]

beforeAll(async () => {
  const { ports } = server.app
  const { members, I1, I2, J1, appId, otherAppId } = company
  const keyIds: string[] = []
  for (let index = 0; index < 9; index++) {
    const [by, instanceId] = index < 6 ? (['devA', I1] as const) : (['ownA', I2] as const)
    keyIds.push((await company.createKey(by, instanceId, `key ${index % 4}`, index + 1)).id)
  }
  await revokeApiKey(ports, members.ownA, { id: keyIds[0] as string, acknowledged: true })
  await setInstanceAccess(ports, members.ownA, { instanceId: I2, memberId: members.dev2A.memberId, role: 'OWNER' })
  await company.createKey('dev2A', I1)
  await removeMember(ports, members.ownA, { id: members.viewA.memberId, acknowledged: true })
  const { instanceId: gone } = await createAppInstance(ports, members.ownA, { appId, name: 'gone' })
  await company.createKey('ownA', gone)
  await deleteAppInstance(ports, members.ownA, { id: gone, acknowledged: true })
  ids = [...keyIds.slice(0, 4), I1, I2, J1, gone, appId, otherAppId, members.devA.memberId, members.viewA.memberId, members.ownA.organizationId, 'key_nothing']
})

/** What one member gets, by the plan (null if there is none, or if it gives up) and by graphql-js. */
async function both(document: DocumentNode, person: Person, variableValues = {}): Promise<{ planned: string | null; ordinary: string } | null> {
  const argsFor = () => ({ schema, document, variableValues, contextValue: createContext(server.app.ports, company.members[person]) })
  const args = argsFor()
  if (refusals(args).length > 0) return null
  const planned = await executePlanned(args, rules.Query)
  const again = argsFor()
  refusals(again)
  return { planned: planned && JSON.stringify(planned), ordinary: JSON.stringify(await execute(again)) }
}

/** More for a night: `PLANNED_OPERATIONS=10000`, and `PLANNED_SEED` to run a failure again. */
const count = Number(process.env['PLANNED_OPERATIONS'] ?? 600)
const seed = Number(process.env['PLANNED_SEED'] ?? newSeed())

test(
  `what is answered by a plan is what graphql-js answers, byte for byte (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    const write = createOperationWriter(schema, random, () => ids, { aliases: 1, sizes: [0, 1, 2, 3, 20] })
    const tried = { planned: 0, rows: 0, ordinary: 0 }
    while (tried.planned + tried.ordinary < count) {
      const query = write('query')
      const person = asking[Math.floor(random() * asking.length)] as Person
      const found = await both(parse(query), person)
      if (!found) continue
      if (found.planned === null) tried.ordinary++
      else {
        tried.planned++
        if (/"__typename":"(ApiKey|AppInstance|App|Member|Secret)"/.test(found.planned)) tried.rows++
        expect(found.planned, `${person}: ${query}`).toBe(found.ordinary)
      }
    }
    expect(tried.planned).toBeGreaterThan(count / 3)
    expect(tried.rows).toBeGreaterThan(count / 10)
  },
  60_000 + count * 200,
)

import { expect, test } from 'vitest'
import { scopeOfAll } from '../../src/access/scope.ts'
import { type CountsGroup, newCountsGroup, readCounts } from '../../src/live/counts-group.ts'
import type { Membership } from '../../src/topic.ts'
import { KeyCountsDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { overWebSocket } from '../support/subscribe.ts'

const { server, company } = await companyOfFile({ WS_MAX_SOCKETS_PER_MEMBER: '1000' })

test('who comes to a badge while the numbers of another change gets the counts, and so does everybody who was there', async () => {
  const { subject, organization } = as('ownA')
  const token = `Bearer ${await server.token(subject, organization)}`
  const watch = (instanceId: string) => overWebSocket<{ keyCounts: { active: number } }>(server, KeyCountsDocument.toString(), { instanceId }, token)
  const [one, other] = [await watch(company.I1), await watch(company.I2)]
  await Promise.all([one.next(), other.next()])
  for (let round = 0; round < 5; round++) {
    const changes = Promise.all(Array.from({ length: 10 }, () => company.createKey('ownA', company.I2)))
    const newcomers = await Promise.all(Array.from({ length: 10 }, () => watch(company.I1)))
    for (const newcomer of newcomers) expect((await newcomer.next())?.data?.keyCounts.active).toBeTypeOf('number')
    await changes
    await Promise.all(newcomers.map((newcomer) => newcomer.end()))
  }
  await company.createKey('ownA', company.I1)
  expect((await one.next())?.data?.keyCounts.active).toBe(1)
  await one.end()
  await other.end()
})

test('one statement reads what changed for all groups of a scope, and groups that did not change are handed none of it', async () => {
  const groupOf = (id: string, dirty: boolean): CountsGroup => {
    const operation = { topic: { source: { kind: 'counts', ids: [id] } } }
    return Object.assign(newCountsGroup({ operation } as unknown as Membership, { key: id, scope: scopeOfAll('a') }), { dirty })
  }
  const [one, other, unchanged] = [groupOf('one', true), groupOf('other', true), groupOf('unchanged', false)]
  const asked: string[][] = []
  const counts = async (_scope: unknown, ids: string[]) => {
    asked.push(ids)
    return []
  }
  const rows = await readCounts({ counts } as never, [one, other, unchanged])
  expect(asked).toEqual([['one', 'other']])
  expect([...rows.keys()]).toEqual([one, other])
  expect([one.dirty, other.dirty]).toEqual([false, false])
})

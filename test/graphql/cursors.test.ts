import { beforeAll, expect, test } from 'vitest'
import { createCursors } from '../../src/crypto/cursor.ts'
import { createDigests, pepperOf } from '../../src/crypto/digest.ts'
import { ApiKeysDocument } from '../generated/operations.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { dataOf } from '../support/server.ts'

const [old, next, foreign] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array]
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

const { server, company } = await companyOfFile({ KEY_PEPPER: base64(old) })

beforeAll(async () => {
  for (const name of ['one', 'two', 'three']) await company.createKey('ownA', company.I1, name)
})

test('a node signs cursors under the pepper that all nodes know, and takes those under any that it lists', () => {
  const digests = createDigests([next, old])
  const ours = createCursors([next, old], () => digests.currentId)
  const neighbour = createCursors([old], () => pepperOf(old).id)
  digests.agree(new Set([pepperOf(old).id]))
  expect(neighbour.open('list', ours.seal('list', ['a', 'b']))).toEqual(['a', 'b'])
  expect(ours.open('list', neighbour.seal('list', ['', 'a']))).toEqual(['', 'a'])
  digests.agree(new Set([pepperOf(next).id, pepperOf(old).id]))
  const last = createCursors([next], () => pepperOf(next).id)
  expect(last.open('list', ours.seal('list', ['c']))).toEqual(['c'])
  expect(ours.open('list', neighbour.seal('list', ['d']))).toEqual(['d'])
  expect(ours.open('list', createCursors([foreign], () => pepperOf(foreign).id).seal('list', ['e']))).toBeNull()
  expect(ours.open('other', neighbour.seal('list', ['f']))).toBeNull()
})

test('lists go on at the neighbour while peppers change', async () => {
  const neighbour = await server.node({ KEY_PEPPER: `${base64(next)},${base64(old)}` })
  try {
    for (const [from, to] of [
      [server, neighbour],
      [neighbour, server],
    ] as const) {
      const page = dataOf(await from.graphql(ApiKeysDocument, { first: 2 }, as('ownA'))).apiKeys
      const rest = dataOf(await to.graphql(ApiKeysDocument, { first: 2, after: page.pageInfo.endCursor }, as('ownA'))).apiKeys
      expect(rest.edges.map(({ node }) => node.name)).toEqual(['one'])
    }
  } finally {
    await neighbour.close()
  }
})

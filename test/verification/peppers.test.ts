import { beforeAll, expect, test } from 'vitest'
import { pepperOf } from '../../src/crypto/digest.ts'
import type { TestKey } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const text = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
const idOf = (byte: number): string => pepperOf(new Uint8Array(32).fill(byte)).id

const { server, company } = await companyOfFile({ KEY_PEPPER: `${text(7)},${text(17)}` })
let used: TestKey
let agree: (known: ReadonlySet<string>) => void
let unused: TestKey

beforeAll(async () => {
  // The beat, once a second, would agree on the first one again.
  const { digests } = server.app.ports
  agree = digests.agree
  Object.assign(digests, { agree: () => undefined })
  used = await company.createKey('devA', company.I1, 'used')
  unused = await company.createKey('devA', company.I1, 'unused')
})

const pepperOfKey = async ({ id }: TestKey): Promise<string | undefined> =>
  (await server.sql<{ pepper: string }>('SELECT pepper_id AS pepper FROM key_digest WHERE key_id = $1', id))[0]?.pepper
const ready = async (): Promise<{ keysPerPepper?: object }> => (await (await fetch(`${server.url}/readyz`)).json()) as object
/** As after a start whose list of peppers has this one first. */
const writeWith = (byte: number): void => agree(new Set([idOf(byte)]))
const fresh = (key: TestKey): Promise<Response> =>
  fetch(`${server.url}/v1/verify`, {
    method: 'POST',
    headers: { 'cache-control': 'no-cache' },
    body: JSON.stringify({ key: key.plaintext, instanceId: company.I1 }),
  })

test('VF-24 under a new pepper old keys verify, are re-hashed when they are used, and the operator sees when the old pepper can go', async () => {
  expect([await pepperOfKey(used), await pepperOfKey(unused)]).toEqual([idOf(7), idOf(7)])
  // While some node does not know the new one, nothing is written with it.
  expect(await (await fresh(used)).json()).toMatchObject({ valid: true })
  await server.app.write()
  expect(await pepperOfKey(used)).toBe(idOf(7))
  writeWith(17)
  expect(await (await fresh(used)).json()).toMatchObject({ valid: true })
  await server.app.write()
  expect([await pepperOfKey(used), await pepperOfKey(unused)]).toEqual([idOf(17), idOf(7)])
  expect(await (await fresh(used)).json()).toMatchObject({ valid: true })
  await server.app.tidy()
  expect((await ready()).keysPerPepper).toEqual({ [idOf(7)]: 1, [idOf(17)]: 1 })
  expect(await (await fetch(`${server.url}/metrics`)).text()).toContain(`aura_keys_keys_per_pepper{pepper="${idOf(7)}"} 1\n`)
  expect(await (await fresh(unused)).json()).toMatchObject({ valid: true })
  await server.app.write()
  await server.app.tidy()
  expect((await ready()).keysPerPepper).toEqual({ [idOf(17)]: 2 })
})

test('a digest that was written anew meanwhile stays, and neither a re-hash nor its use moves the mark', async () => {
  const key = await company.createKey('devA', company.I1)
  writeWith(7)
  await fresh(key)
  const [before] = await server.sql<{ mark: string }>('SELECT denial_mark::text AS mark FROM organization WHERE id = $1', company.members.devA.organizationId)
  await server.sql('UPDATE key_digest SET digest = $2 WHERE key_id = $1 RETURNING 1', key.id, Buffer.alloc(32, 5))
  await server.app.write()
  const [row] = await server.sql<{ digest: Uint8Array; pepper: string }>('SELECT digest, pepper_id AS pepper FROM key_digest WHERE key_id = $1', key.id)
  expect([Buffer.from(row?.digest ?? []).equals(Buffer.alloc(32, 5)), row?.pepper]).toEqual([true, idOf(17)])
  const [after] = await server.sql<{ mark: string }>('SELECT denial_mark::text AS mark FROM organization WHERE id = $1', company.members.devA.organizationId)
  expect(after).toEqual(before)
})

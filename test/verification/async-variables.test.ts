import { AsyncLocalStorage } from 'node:async_hooks'
import { beforeEach, expect, test, vi } from 'vitest'
import { createAsyncVariable } from '../../src/async-variable.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { transports } from '../support/subscribe.ts'
import { authorizationOf, everyTransport } from '../support/transports.ts'

const { server, company } = await companyOfFile()

const query = 'subscription ($id: ID!) { keyCountsOf(instanceIds: [$id]) { counts { active } } }'
const runs = vi.spyOn(AsyncLocalStorage.prototype, 'run')
const disables = vi.spyOn(AsyncLocalStorage.prototype, 'disable')

/** How many storages were not disabled since their last use: Node before 24 calls hooks for every promise while there is one. */
function inUse(): number {
  const lastOf = ({ mock }: typeof runs | typeof disables, storage: unknown): number =>
    Math.max(0, ...mock.invocationCallOrder.filter((_, call) => mock.contexts[call] === storage))
  // The tests' own storage marks with `true` what the server does by itself.
  const ours = runs.mock.contexts.filter((_, call) => runs.mock.calls[call]?.[0] !== true)
  return new Set(ours.filter((storage) => lastOf(runs, storage) > lastOf(disables, storage))).size
}
const noneInUse = (): Promise<void> => vi.waitFor(() => expect(inUse()).toBe(0), 5_000)
beforeEach(() => {
  runs.mockClear()
  disables.mockClear()
})

test('a value follows the code that runs with it, and nothing else, however many run at once and however they end', async () => {
  const variable = createAsyncVariable<number>()
  const seen = async (value: number): Promise<(number | undefined)[]> => {
    const values = [variable.get()]
    for (let turn = 0; turn < value; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      values.push(variable.get())
    }
    return values
  }
  const seenBy = await Promise.all([1, 5, 3].map((value) => variable.run(value, () => seen(value))))
  expect(seenBy).toEqual([1, 5, 3].map((value) => Array.from({ length: value + 1 }, () => value)))
  await expect(variable.run(7, () => Promise.reject(new Error('late')))).rejects.toThrow('late')
  expect(() =>
    variable.run(8, () => {
      throw new Error('at once')
    }),
  ).toThrow('at once')
  expect(variable.run(9, () => variable.get())).toBe(9)
  expect(variable.get()).toBeUndefined()
  await noneInUse()
  const last = variable.run(1, () => seen(1))
  expect(inUse()).toBe(1)
  await last
  await noneInUse()
})

test.each(Object.keys(everyTransport) as (keyof typeof everyTransport)[])(
  'after an operation over %s no variable is in use, so that verification pays for none',
  async (transport) => {
    await everyTransport[transport](server, { query: '{ viewer { member { id } } }' }, as('ownA'))
    expect(runs).toHaveBeenCalled()
    await noneInUse()
  },
)

test.each(Object.keys(transports) as (keyof typeof transports)[])('nor while a subscription over %s is open and has answered', async (transport) => {
  const stream = transports[transport](server, query, { id: company.I1 }, await authorizationOf(server, as('ownA')))
  try {
    expect((await stream.next())?.errors).toBeUndefined()
    await noneInUse()
    await company.createKey('ownA', company.I1)
    expect((await stream.next())?.errors).toBeUndefined()
    await noneInUse()
  } finally {
    await stream.end()
  }
})

import { type ExecutionArgs, type ExecutionResult, parse } from 'graphql'
import { expect, test } from 'vitest'
import { unavailable } from '../../src/errors.ts'
import { createPace, minPacedRows } from '../../src/graphql/pace.ts'
import { createLongQueries, type LongQueries } from '../../src/server/long-queries.ts'
import { Work } from '../../src/store/work.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Starts executions, and tells which of them began; each goes on until `end`. */
function createLog(inLine: LongQueries) {
  const begun: string[] = []
  const ends = new Map<string, (answer: ExecutionResult) => void>()
  const start = (name: string, rows: number, { work = new Work('operations'), document = '{ x }', operationName = null as string | null } = {}) => {
    const pace = createPace()
    pace.expect(rows)
    const args = { document: parse(document), operationName, contextValue: { pace } } as unknown as ExecutionArgs
    return inLine(args, work, () => {
      begun.push(name)
      return new Promise((resolve) => ends.set(name, resolve))
    })
  }
  return { begun, start, end: (name: string) => ends.get(name)?.({ data: { name } }) }
}

test('queries of many rows are executed one after another, in their order, and all others at once', async () => {
  const { begun, start, end } = createLog(createLongQueries())
  const first = start('first', minPacedRows)
  const second = start('second', 4_500)
  const third = start('third', minPacedRows)
  void start('small', minPacedRows - 1)
  void start('change', 4_500, { document: 'mutation { x }' })
  void start('the change of two', 4_500, { document: 'query A { x } mutation B { x }', operationName: 'B' })
  await settle()
  expect(begun).toEqual(['small', 'change', 'the change of two', 'first'])
  end('first')
  expect(await first).toEqual({ data: { name: 'first' } })
  await settle()
  expect(begun.slice(4)).toEqual(['second'])
  end('second')
  await second
  await settle()
  expect(begun.slice(5)).toEqual(['third'])
  end('third')
  expect(await third).toEqual({ data: { name: 'third' } })
})

test('one that is stopped makes way at once, whether it runs or waits', async () => {
  const { begun, start, end } = createLog(createLongQueries())
  const reason = unavailable()
  const [running, waiting] = [new Work('operations'), new Work('operations')]
  const first = start('first', 1_000, { work: running })
  const second = start('second', 1_000, { work: waiting })
  const third = start('third', 1_000)
  await settle()
  waiting.cancel(reason)
  running.cancel(reason)
  await expect(first).rejects.toBe(reason)
  await expect(second).rejects.toBe(reason)
  await settle()
  expect(begun).toEqual(['first', 'third'])
  end('third')
  expect(await third).toEqual({ data: { name: 'third' } })
})

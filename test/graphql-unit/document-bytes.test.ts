import { buildSchema, Kind, visit } from 'graphql'
import { expect, test } from 'vitest'
import { printSchema } from '../../src/api/print-schema.ts'
import { planOf } from '../../src/graphql/plan.ts'
import { createDocuments } from '../../src/server/documents.ts'
import { settledHeap } from '../support/heap.ts'

const schema = buildSchema(printSchema())
const many = (count: number, each: (index: number) => string): string => Array.from({ length: count }, (_, index) => each(index)).join(' ')

/** Documents that have much of one thing; the number makes each another. */
const kinds: Record<string, { count: number; write: (number: number) => string }> = {
  small: { count: 4_000, write: (number) => `{ apps { id } } # ${number}` },
  'many fields': {
    count: 100,
    write: (number) => `{ ${many(50, (index) => `a${index}_${number}: viewer { member { id name role } organization { id name } }`)} }`,
  },
  'many fragments': {
    count: 200,
    write: (number) =>
      `{ ${many(49, (index) => `...F${index}`)} } ${many(49, (index) => `fragment F${index} on Query { a${number}_${index}: app(slug: "s") { id name slug } }`)}`,
  },
  'many operations that spread the same fragments': {
    count: 20,
    write: (number) =>
      `${many(200, (index) => `query Q${number}_${index} { ...V }`)} fragment V on Query { ${many(8, (index) => `a${index}: auditLog(first: 1) { edges { node { ...E } } }`)} }
        fragment E on Event { apiKey { ...K } again: apiKey { ...K } instance { ...I } member { ...M } } fragment K on ApiKey { id name hint instance { ...I } createdBy { ...M } }
        fragment I on AppInstance { id name status createdBy { ...M } } fragment M on Member { id name email role }`,
  },
  'many arguments': {
    count: 100,
    write: (number) =>
      `{ ${many(40, (index) => `a${index}: apiKeys(first: ${number}, filter: { search: "${index}", status: [ACTIVE, EXPIRED] }) { totalCount }`)} }`,
  },
  'a long comment': { count: 100, write: (number) => `{ apps { id } } # ${number} ${'x'.repeat(90_000)}` },
  'long comments between': { count: 50, write: (number) => `{ ${many(40, (index) => `#${number}${'x'.repeat(2_000)}\na${index}: apps { id }`)} }` },
  'a long string': { count: 100, write: (number) => `{ app(slug: "${number}${'x'.repeat(90_000)}") { id } }` },
  'long strings with escapes': { count: 100, write: (number) => `{ app(slug: "${number}\\u0041${'\\u0041'.repeat(15_000)}") { id } }` },
  'a block string': { count: 100, write: (number) => `{ app(slug: """${number} ${'word '.repeat(18_000)}""") { id } }` },
  'characters beyond Latin-1': { count: 100, write: (number) => `{ app(slug: "${number}${'é€'.repeat(15_000)}") { id } }` },
  'many variables': {
    count: 100,
    write: (number) =>
      `query(${many(100, (index) => `$v${index}_${number}: String`)}) { ${many(50, (index) => `a${index}: apiKeys(after: $v${index * 2}_${number}, before: $v${index * 2 + 1}_${number}) { totalCount }`)} }`,
  },
}

for (const [kind, { count, write }] of Object.entries(kinds)) {
  test(`kept documents take no more of the heap than is reckoned: ${kind}`, async () => {
    const documents = createDocuments(schema, { introspection: false, cacheBytes: 500_000_000 })
    // Texts as requests bring them, in one piece.
    const keep = (number: number): void => {
      const { document, errors } = documents.read(Buffer.from(write(number)).toString())
      expect(errors).toEqual([])
      documents.keep(document)
      // They live as long as the document.
      for (const each of document.definitions) if (each.kind === Kind.OPERATION_DEFINITION) planOf(schema, document, each.name?.value)
    }
    for (let number = 0; number < 20; number++) keep(number)
    const [heap, reckoned] = [await settledHeap(), documents.bytes]
    for (let number = 20; number < 20 + count; number++) keep(number)
    const grown = (await settledHeap()) - heap
    expect(documents.bytes - reckoned).toBeGreaterThan(0)
    expect(grown).toBeLessThan((documents.bytes - reckoned) * 1.1)
  })
}

test('only documents without errors are kept, only on demand, and no more than the cache may take', () => {
  const documents = createDocuments(schema, { introspection: false, cacheBytes: 50_000 })
  const read = (text: string) => documents.read(text).document
  read('{ apps { id } }')
  expect(documents.bytes).toBe(0)
  for (const refused of ['{ nothing }', `{ ${many(51, (index) => `a${index}: __typename`)} }`, '{ __schema { queryType { name } } }']) {
    expect(documents.read(refused).errors).not.toEqual([])
    documents.keep(read(refused))
  }
  expect(documents.bytes).toBe(0)
  documents.keep(read(`{ apps { id } } # ${'x'.repeat(50_000)}`))
  expect(documents.bytes).toBe(0)
  for (let number = 0; number < 100; number++) {
    const document = read(`{ apps { id } } # ${number}`)
    documents.keep(document)
    expect(read(`{ apps { id } } # ${number}`)).toBe(document)
    expect(documents.bytes).toBeLessThanOrEqual(50_000)
  }
  expect(documents.bytes).toBeGreaterThan(40_000)
})

test('documents have no tokens left in them, and errors say their place all the same', () => {
  const { document, errors } = createDocuments(schema, { introspection: false, cacheBytes: 1_000_000 }).read('{\n  apps { id }\n  nothing\n}')
  expect(errors.map(({ locations }) => locations)).toEqual([[{ line: 3, column: 3 }]])
  let nodes = 0
  visit(document, {
    enter: ({ loc }) => {
      nodes++
      expect(Object.keys(loc ?? {})).toEqual(['start', 'end', 'source'])
    },
  })
  expect(nodes).toBe(10)
})

import { readFileSync } from 'node:fs'
import { type DefinitionNode, type DocumentNode, Kind, parse, print } from 'graphql'
import { expect, test } from 'vitest'

/** Every name of a document with what a client relies on: types with their nullability, arguments, defaults, enum values. */
function promises(document: DocumentNode): Map<string, string> {
  const found = new Map<string, string>()
  const typed = (owner: string, definition: Extract<DefinitionNode, { fields?: unknown }>): void => {
    for (const field of definition.fields ?? []) {
      found.set(`${owner}.${field.name.value}`, print(field.type))
      if (field.kind === Kind.INPUT_VALUE_DEFINITION) continue
      for (const argument of field.arguments ?? []) {
        const standard = argument.defaultValue ? ` = ${print(argument.defaultValue)}` : ''
        found.set(`${owner}.${field.name.value}(${argument.name.value})`, `${print(argument.type)}${standard}`)
      }
    }
  }
  for (const definition of document.definitions) {
    if (!('name' in definition) || !definition.name) continue
    const name = definition.name.value
    found.set(name, definition.kind)
    if (definition.kind === Kind.ENUM_TYPE_DEFINITION) for (const value of definition.values ?? []) found.set(`${name}.${value.name.value}`, 'value')
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION)
      for (const implemented of definition.interfaces ?? []) found.set(`${name} implements ${implemented.name.value}`, '')
    if ('fields' in definition) typed(name, definition)
  }
  return found
}

const contract = promises(parse(readFileSync('test/contract/contract.graphql', 'utf8')))
const schema = promises(parse(readFileSync('schema/schema.graphql', 'utf8')))
/** What one has and the other has not, or has otherwise. */
const missing = (wanted: Map<string, string>, given: Map<string, string>): string[] =>
  [...wanted].filter(([name, what]) => given.get(name) !== what).map(([name, what]) => `${name}: ${what}, not ${given.get(name) ?? 'there'}`)

test('the schema has every name of the contract, with the same types and nullability', () => {
  expect(contract.size).toBeGreaterThan(300)
  expect(missing(contract, schema)).toEqual([])
})

test('connections are as the contract says in words', () => {
  const connections = [...contract.values()].flatMap((type) => /^(\w+Connection)!?$/.exec(type)?.[1] ?? [])
  expect(new Set(connections).size).toBe(7 - 1)
  for (const name of connections) {
    const edge = name.replace(/Connection$/, 'Edge')
    expect(schema.get(`${name}.edges`)).toBe(`[${edge}!]!`)
    expect(schema.get(`${name}.pageInfo`)).toBe('PageInfo!')
    expect(schema.get(`${name}.totalCount`)).toBe('Int!')
    expect(schema.get(`${edge}.cursor`)).toBe('String!')
    expect(schema.get(`${edge}.node`)).toMatch(/^\w+!$/)
  }
  expect(schema.get('ApiKeyConnection.totalCountIsExact')).toBe('Boolean!')
  expect(schema.get('ApiKeyConnection.version')).toBe('Version!')
})

test('a field that is missing, or nullable where it was not, would be seen', () => {
  const changed = new Map(schema)
  changed.delete('ApiKey.hint')
  changed.set('ApiKey.name', 'String')
  expect(missing(contract, changed)).toEqual(['ApiKey.name: String!, not String', 'ApiKey.hint: String!, not there'])
})

import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { printSchema } from '../../src/api/print-schema.ts'
import { rules } from '../../src/api/schema.ts'
import { readFiles } from './imports.ts'

const sdl = readFileSync('schema/schema.graphql', 'utf8')
const schema = buildSchema(sdl)

/** Everything of a schema that has no description. */
function undescribed(of: GraphQLSchema): string[] {
  const missing: string[] = []
  const check = (name: string, thing: { description?: string | null | undefined }): void => {
    if (!thing.description?.trim()) missing.push(name)
  }
  for (const type of Object.values(of.getTypeMap())) {
    if (type.name.startsWith('__') || ['String', 'Int', 'Float', 'Boolean', 'ID'].includes(type.name)) continue
    check(type.name, type)
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value)
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      check(`${type.name}.${field.name}`, field)
      if ('args' in field) for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name})`, argument)
    }
  }
  return missing
}

/** Root fields without a rule, and rules without a root field. */
function unruled(of: GraphQLSchema, by: Record<string, Readonly<Record<string, unknown>>>): string[] {
  const roots = [of.getQueryType(), of.getMutationType(), of.getSubscriptionType()].filter((type): type is GraphQLObjectType => !!type)
  return roots.flatMap((type) => {
    const fields = Object.keys(type.getFields())
    const ruled = Object.keys(by[type.name] ?? {})
    return [...fields.filter((field) => !ruled.includes(field)), ...ruled.filter((field) => !fields.includes(field))].map((field) => `${type.name}.${field}`)
  })
}

test('schema/schema.graphql is what the code says', () => {
  expect(printSchema()).toBe(sdl)
})

test('every type, field, argument and enum value has a description', () => {
  expect(undescribed(schema)).toEqual([])
  const bare = buildSchema('type Query { "told" a("told" x: Int, y: Int): E } enum E { B }')
  expect(undescribed(bare)).toEqual(['Query', 'Query.a(y)', 'E', 'E.B'])
})

test('AZ-09 every root field has a rule, and every rule a root field', () => {
  expect(unruled(schema, rules)).toEqual([])
  const { apiKey: _, ...fewer } = rules.Query
  expect(unruled(schema, { ...rules, Query: fewer })).toEqual(['Query.apiKey'])
  expect(unruled(schema, { ...rules, Query: { ...rules.Query, gone: true } })).toEqual(['Query.gone'])
})

test('mutation fields are nullable, so that a refusal never erases the answer of another', () => {
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {})
  expect(fields.length).toBeGreaterThan(5)
  expect(fields.filter((field) => String(field.type).endsWith('!')).map((field) => field.name)).toEqual([])
})

const documents = readFiles('schema/operations', '.graphql')
const whole = parse([...documents.values()].join('\n'))

test('every operation document fits the schema', () => {
  const names = whole.definitions.map((definition) => ('name' in definition ? definition.name?.value : undefined))
  expect(new Set(names).size).toBe(names.length)
  expect(validate(schema, whole, specifiedRules)).toEqual([])
})

/** Names of operations in documents of some paths. */
const operationsIn = (isWanted: (path: string) => boolean): string[] =>
  parse([...documents].flatMap(([path, text]) => (isWanted(path) ? [text] : [])).join('\n')).definitions.flatMap((definition) =>
    definition.kind === 'OperationDefinition' && definition.name ? [definition.name.value] : [],
  )
const isOfPortal = (path: string): boolean => path.startsWith('schema/operations/portal/')

test('every operation document is sent by a test', () => {
  const tests = [...readFiles('test').values()].join('\n')
  const operations = operationsIn((path) => !isOfPortal(path))
  expect(operations.length).toBeGreaterThan(15)
  expect(operations.filter((name) => !new RegExp(`\\b${name}Document\\b|^ {2}${name}: \\{ statements:`, 'm').test(tests))).toEqual([])
})

// That a browser sends each of them is shown in test/portal/operations.test.ts.
test('the portal uses every operation document that is written for it', () => {
  const portal = [...readFiles('src/portal', '.ts', '.tsx').values()].join('\n')
  const operations = operationsIn(isOfPortal)
  expect(operations.length).toBeGreaterThan(15)
  expect(operations.filter((name) => !new RegExp(`\\b${name}Document\\b`).test(portal))).toEqual([])
})

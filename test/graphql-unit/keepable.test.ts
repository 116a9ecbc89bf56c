import { getNamedType, isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType, isObjectType, parse } from 'graphql'
import { expect, test } from 'vitest'
import { createSchema } from '../../src/api/schema.ts'
import { alike, keepable, keepableOf, keepableWith } from '../../src/graphql/keepable.ts'

const { schema } = createSchema()
const of = (query: string, variables: object = {}) => {
  const ofDocument = keepableOf(schema, parse(query))
  return ofDocument && keepableWith(ofDocument, JSON.stringify(variables))
}

/** What no answer is kept with, and why. */
const never: Readonly<Record<string, readonly string[]>> = {
  // They show other organizations, or entries of the audit log, which retention deletes without a version.
  Query: ['auditLog', 'node', 'nodes'],
  Viewer: ['organizations'],
  Event: ['id', 'version', 'kind', 'occurredAt', 'actor', 'subjectName', 'apiKey', 'instance', 'app', 'member', 'secret'],
}

/** Every argument and member of an input that a query can have. What they select must be in versioned rows, or be found in the text: last uses, and search. */
const versioned = [
  ...['id', 'slug', 'first', 'after', 'last', 'before', 'filter', 'orderBy'],
  ...['ApiKeyFilter.status', 'ApiKeyFilter.appId', 'ApiKeyFilter.instanceId', 'ApiKeyFilter.createdById', 'ApiKeyFilter.expiresBefore'],
  ...['InstanceFilter.status', 'MemberFilter.subject', 'MemberFilter.includeRemoved'],
]
const foundInText = ['ApiKeyFilter.unusedSince', 'ApiKeyFilter.search', 'InstanceFilter.search', 'MemberFilter.search']

const isOfQueries = (name: string): boolean =>
  !/Payload$|Result$|Connection$|Edge$/.test(name) && !['Mutation', 'Subscription', 'ApiKeyChange', 'KeyCountsOf', 'Propagation'].includes(name)

test('RD-01 it is decided for every field that a query can select whether its answer may be kept', () => {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type) || !isOfQueries(type.name)) continue
    const decided = [...(keepable[type.name] ?? []), ...(never[type.name] ?? [])]
    expect([type.name, decided.sort()]).toEqual([type.name, Object.keys(type.getFields()).sort()])
  }
})

test('RD-01 it is decided for every argument of such a field', () => {
  const asked = new Set<string>()
  for (const [typeName, fields] of Object.entries(keepable)) {
    const type = schema.getType(typeName)
    if (!isObjectType(type)) throw new Error(`there is no type ${typeName}`)
    for (const name of fields) {
      for (const argument of type.getFields()[name]?.args ?? []) {
        asked.add(argument.name)
        const input = getNamedType(argument.type)
        if (isInputObjectType(input)) for (const member of Object.keys(input.getFields())) asked.add(`${input.name}.${member}`)
      }
    }
  }
  expect([...asked].sort()).toEqual([...versioned, ...foundInText].sort())
})

test('RD-01 it is decided for every order of keys whether it depends on last uses', () => {
  const orders = schema.getType('ApiKeyOrder')
  const names = isEnumType(orders) ? orders.getValues().map(({ name }) => name) : []
  expect(names.filter((name) => !of(`{ apiKeys(orderBy: ${name}) { totalCount } }`)?.readsLastUses).sort()).toEqual(
    ['CREATED_AT_DESC', 'CREATED_AT_ASC', 'NAME_ASC', 'EXPIRES_AT_ASC'].sort(),
  )
})

test('what everybody sees alike is a part of what may be kept', () => {
  for (const [type, fields] of Object.entries(alike)) expect(keepable[type]).toEqual(expect.arrayContaining([...fields]))
  for (const type of Object.values(schema.getTypeMap())) if (isInterfaceType(type)) expect(type.name).toBe('Node')
})

test.each<[query: string, variables?: object]>([
  ['{ viewer { organizations { id } } }'],
  ['{ auditLog { totalCount } }'],
  ['{ node(id: "key_1") { id } }'],
  ['{ nodes(ids: []) { id } }'],
  ['{ __schema { types { name } } }'],
  ['{ apps { id } auditLog { totalCount } }'],
  ['{ apiKeys(filter: { search: "x" }) { totalCount } }'],
  ['query ($f: ApiKeyFilter) { apiKeys(filter: $f) { totalCount } }', { f: { search: 'x' } }],
  ['query ($f: ApiKeyFilter = { search: "x" }) { apiKeys(filter: $f) { totalCount } }'],
  ['mutation { deleteSecret(input: { id: "1" }) { deletedSecretId } }'],
  ['subscription { keyCounts { total } }'],
  ['fragment E on Query { auditLog { totalCount } } query { ...E }'],
])('RD-01 the answer to %s is never kept', (query, variables = {}) => {
  expect(of(query, variables)).toBeNull()
})

test.each<[query: string, variables?: object]>([
  ['{ apiKeys { edges { node { lastUsedAt } } } }'],
  ['{ apiKeys { edges { node { used: lastUsedAt } } } }'],
  ['fragment K on ApiKey { lastUsedAt } { apiKeys { edges { node { ...K } } } }'],
  ['{ apiKeys(orderBy: LAST_USED_AT_DESC) { totalCount } }'],
  ['query ($o: ApiKeyOrder) { apiKeys(orderBy: $o) { totalCount } }', { o: 'LAST_USED_AT_DESC' }],
  ['query ($o: ApiKeyOrder = LAST_USED_AT_DESC) { apiKeys(orderBy: $o) { totalCount } }'],
  ['query ($f: ApiKeyFilter) { apiKeys(filter: $f) { totalCount } }', { f: { unusedSince: '2026-01-01T00:00:00Z' } }],
])('RD-02 the answer to %s depends on last uses', (query, variables = {}) => {
  expect(of(query, variables)).toMatchObject({ readsLastUses: true })
})

test('RD-03 who sees the whole organization shares answers only where nothing is of the viewer', () => {
  const isAlike = (query: string): boolean | undefined => of(query)?.isAlike
  expect(isAlike('{ apps { id name keyCounts { total } instances { edges { node { id keyCounts { active } } } } } }')).toBe(true)
  expect(isAlike('{ instance(id: "1") { name apiKeys { totalCount edges { node { id createdBy { name } } } } } }')).toBe(true)
  for (const own of ['viewerRole', 'viewerCan { delete }', 'access { totalCount }', 'createdBy { subject }', 'createdBy { email }']) {
    expect(isAlike(`{ instance(id: "1") { ${own} } }`)).toBe(false)
  }
  for (const own of ['viewer { can { createApp } }', 'members { totalCount }', 'secrets { totalCount }', 'apiKeys { version }'])
    expect(isAlike(`{ ${own} }`)).toBe(false)
  for (const own of ['viewerCanRevoke', 'revokeRefusal']) expect(isAlike(`{ apiKeys { edges { node { ${own} } } } }`)).toBe(false)
})

import { buildSchema, extendSchema, isObjectType, parse } from 'graphql'
import { expect, test } from 'vitest'
import { printSchema } from '../../src/api/print-schema.ts'
import { analyse, shareable } from '../../src/graphql/shareable.ts'

const schema = buildSchema(printSchema())

test('every name on the list exists, and none of those that depend on the viewer is on it', () => {
  for (const [type, fields] of Object.entries(shareable)) {
    const known = schema.getType(type)
    expect(isObjectType(known) && fields.filter((name) => !known.getFields()[name])).toEqual([])
  }
  const dependent = [
    'viewerCan',
    'viewerRole',
    'viewerCanRevoke',
    'revokeRefusal',
    'subject',
    'email',
    'subjectName',
    'secret',
    'keyCounts',
    'access',
    'instances',
    'apiKeys',
  ]
  for (const [type, fields] of Object.entries(shareable)) if (type !== 'Subscription') expect(fields.filter((name) => dependent.includes(name))).toEqual([])
})

test('a field that nobody has thought about is not shared', () => {
  const isShareable = (text: string) => analyse(schema, parse(text)).isShareable
  expect(isShareable('subscription { keyCounts { active __typename } }')).toBe(true)
  expect(isShareable('subscription { apiKeyChanged { apiKey { ...K } } } fragment K on ApiKey { id instance { name } }')).toBe(true)
  expect(isShareable('subscription { apiKeyChanged { apiKey { ...K } } } fragment K on ApiKey { id instance { viewerRole } }')).toBe(false)
  expect(isShareable('subscription { apiKeyChanged { apiKey { createdBy { email } } } }')).toBe(false)
  expect(isShareable('subscription { __schema: __typename keyCounts { active } }')).toBe(true)
})

test('a field that is added to any shared type ends the sharing of whoever selects it, at any depth and through any fragment', () => {
  const types = Object.keys(shareable)
  const extended = extendSchema(schema, parse(`${types.map((type) => `extend type ${type} { brandNew: Brand }`).join(' ')} type Brand { id: ID }`))
  const isShareable = (text: string) => analyse(extended, parse(text)).isShareable
  const places = {
    Subscription: ['{ NEW }'],
    KeyCounts: ['{ keyCounts { NEW } }', '{ keyCountsOf { counts { ...F } } } fragment F on KeyCounts { NEW }'],
    KeyCountsOf: ['{ keyCountsOf { NEW } }'],
    ApiKeyChange: ['{ apiKeyChanged { NEW } }', '{ apiKeyChanged { ... on ApiKeyChange { NEW } } }'],
    Event: ['{ events { NEW } }'],
    ApiKey: ['{ apiKeyChanged { apiKey { NEW } } }', '{ events { apiKey { ...F } } } fragment F on ApiKey { instance { id } NEW }'],
    App: ['{ apiKeyChanged { apiKey { instance { app { NEW } } } } }'],
    AppInstance: ['{ apiKeyChanged { apiKey { instance { NEW } } } }'],
    Member: ['{ apiKeyChanged { actor { NEW } } }'],
  }
  expect(Object.keys(places).sort()).toEqual([...types].sort())
  for (const text of Object.values(places).flat()) {
    for (const field of ['brandNew { id }', 'id: brandNew { id }', 'brandNew @include(if: false) { id }'])
      expect([text, field, isShareable(`subscription ${text.replace('NEW', field)}`)]).toEqual([text, field, false])
    // The same without it is shared, so that it is this field which ends it.
    expect([text, isShareable(`subscription ${text.replace('NEW', '__typename')}`)]).toEqual([text, true])
  }
})

test('the version to go on from tells nothing apart, unless it is used for more', () => {
  const resumeVariable = (text: string) => analyse(schema, parse(text)).resumeVariable
  expect(resumeVariable('subscription ($v: Version) { apiKeyChanged(after: $v) { version } }')).toBe('v')
  expect(resumeVariable('subscription ($v: Version, $b: Boolean!) { events(after: $v) { version id @skip(if: $b) } }')).toBe('v')
  expect(resumeVariable('subscription ($v: Version) { a: events(after: $v) { id } b: apiKeyChanged(after: $v) { version } }')).toBeNull()
})

test('counts of the row that a message of counts is about are shared: the message began with them; anywhere else they are read for the viewer', () => {
  const isShareable = (text: string) => analyse(schema, parse(text)).isShareable
  const within = (selection: string) => `subscription { keyCountsOf { ${selection} } }`
  for (const selection of [
    'instance { id keyCounts { active } }',
    'app { keyCounts { version } } instance { known: keyCounts { active } }',
    'subject: instance { ... on AppInstance { keyCounts { active } } app { id } }',
    '... on KeyCountsOf { app { keyCounts { active } } } counts { active }',
  ]) {
    expect([selection, isShareable(within(selection))]).toEqual([selection, true])
  }
  for (const text of [
    within('instance { app { keyCounts { active } } }'),
    within('instance { app { id } keyCounts { active } createdBy { id } app { keyCounts { active } } }'),
    within('instance { ...F } } fragment F on AppInstance { keyCounts { active }'),
    'subscription { apiKeyChanged { apiKey { instance { keyCounts { active } } } } }',
    'subscription { events { app { keyCounts { active } } } }',
    'subscription { events { instance { keyCounts { active } } } }',
  ]) {
    expect([text, isShareable(text)]).toEqual([text, false])
  }
})

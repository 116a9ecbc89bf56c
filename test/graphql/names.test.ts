import { type GraphQLInputObjectType, getNamedType, isInputObjectType } from 'graphql'
import { expect, test } from 'vitest'
import { createSchema } from '../../src/api/schema.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'

const { server, company } = await companyOfFile()

/** Characters that leave no mark, one of each kind. */
const invisible: Readonly<Record<string, string>> = {
  space: ' ',
  'no-break space': '\u00a0',
  'em space': '\u2003',
  'ideographic space': '\u3000',
  'soft hyphen': '\u00ad',
  'combining grapheme joiner': '\u034f',
  'arabic letter mark': '\u061c',
  'hangul choseong filler': '\u115f',
  'hangul jungseong filler': '\u1160',
  'hangul filler': '\u3164',
  'halfwidth hangul filler': '\uffa0',
  'khmer inherent vowel': '\u17b4',
  'mongolian variation selector': '\u180b',
  'mongolian vowel separator': '\u180e',
  'zero width space': '\u200b',
  'zero width non-joiner': '\u200c',
  'zero width joiner': '\u200d',
  'right-to-left override': '\u202e',
  'word joiner': '\u2060',
  'invisible times': '\u2062',
  'deprecated format character': '\u206a',
  'empty braille pattern': '\u2800',
  'variation selector': '\ufe0f',
  'byte order mark': '\ufeff',
  'interlinear annotation anchor': '\ufff9',
  'empty note head': '\u{1d159}',
  'musical format character': '\u{1d173}',
  'language tag': '\u{e0001}',
  'tag letter': '\u{e0041}',
  'supplementary variation selector': '\u{e0100}',
  'reserved for such characters': '\u{e0fff}',
}
/** Alone, many of one, two kinds in turn, and one that trimming and composing leave over. */
const shapes = (character: string): string[] => [character, character.repeat(64), `${character}\u2800`.repeat(3), ` ${character} `]

/** Every input with a name that people give and read; a secret's is of A-Z, 0-9 and _. */
const inputs: Readonly<Record<string, () => { field: string; input: Record<string, unknown> }>> = {
  CreateAppInput: () => ({ field: 'createApp', input: { slug: `app-${++made}` } }),
  CreateAppInstanceInput: () => ({ field: 'createAppInstance', input: { appId: company.appId } }),
  CreateApiKeyInput: () => ({ field: 'createApiKey', input: { instanceId: company.I1, expiresInDays: 1 } }),
  AddMemberInput: () => ({ field: 'addMember', input: { subject: `member-${++made}`, role: 'MEMBER' } }),
}
const namesOfSecrets = ['NewSecretInput', 'SaveApiKeyAsSecretInput']
let made = 0

/** The field that is refused, or null. */
async function refusedField(type: string, name: string): Promise<string | null> {
  const { field, input } = (inputs[type] as (typeof inputs)[string])()
  const query = `mutation ($input: ${type}!) { ${field}(input: $input) { __typename } }`
  const { errors } = (await (await server.post({ query, variables: { input: { ...input, name } } }, as('ownA'))).json()) as {
    errors?: { extensions: { code: string; field?: string } }[]
  }
  const [error] = errors ?? []
  return error ? `${error.extensions.code} ${error.extensions.field}` : null
}

/** The inputs of mutations, and what stands in them. */
function inputsWithNames(): string[] {
  const found = new Set<GraphQLInputObjectType>()
  const visit = (type: unknown): void => {
    if (!isInputObjectType(type) || found.has(type)) return
    found.add(type)
    for (const { type: inner } of Object.values(type.getFields())) visit(getNamedType(inner))
  }
  for (const { args } of Object.values(createSchema().schema.getMutationType()?.getFields() ?? {})) for (const { type } of args) visit(getNamedType(type))
  return [...found].filter((type) => 'name' in type.getFields()).map(({ name }) => name)
}

test('every input of a mutation that takes a name is tried here', () => {
  expect(inputsWithNames().sort()).toEqual([...Object.keys(inputs), ...namesOfSecrets].sort())
})

for (const type of Object.keys(inputs)) {
  test(`${type} takes no name without a visible character`, async () => {
    for (const [kind, character] of Object.entries(invisible)) {
      const answers = await Promise.all(shapes(character).map((name) => refusedField(type, name)))
      expect([kind, answers]).toEqual([kind, answers.map(() => 'BAD_USER_INPUT name')])
    }
  })

  test(`${type} takes names of whatever is visible`, async () => {
    for (const name of ['x', '.', '-', '0', 'é', 'e\u0301', '日本', 'ᄀ', '가', '⠁', '👩\u200d🚀', '❤\ufe0f', 'क्\u200dष', 'نام', '€', '\u{1d15a}'])
      expect([name, await refusedField(type, name)]).toEqual([name, null])
  })
}

test('neither an organization nor its first owner is made without a visible character in its name', async () => {
  const { ports } = server.app
  for (const character of Object.values(invisible)) {
    for (const name of shapes(character)) {
      const refusal = { extensions: { code: 'BAD_USER_INPUT', field: 'name' } }
      await expect(bootstrapOrganization(ports, { slug: 'c', name, owner: { subject: 'c', name: 'c' } })).rejects.toMatchObject(refusal)
      await expect(bootstrapOrganization(ports, { slug: 'c', name: 'c', owner: { subject: 'c', name } })).rejects.toMatchObject(refusal)
    }
  }
  expect(await server.sql("SELECT 1 FROM organization WHERE slug = 'c'")).toEqual([])
})

import { queryFromInfo } from '@pothos/plugin-prisma'
import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'
import { nothing } from '../graphql/nothing.ts'
import { byDate, type Keyset, keyset } from '../graphql/pages.ts'
import { cost, pageRows } from '../graphql/price.ts'
import type { Prisma } from '../store/client.ts'

export const Secret = builder.prismaObject('Secret', {
  description: 'A name and an encrypted value; the value leaves only by revealSecret.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, unique in the organization.' }),
    createdBy: t.relation('createdBy', { description: 'Who saved it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was saved.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When its value was last set.' }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      nullable: true,
      description: 'The key that was saved here, with the state that it has now; null when the viewer may not see it.',
      select: { apiKeyId: true },
      resolve: (query, { apiKeyId }, _arguments, { rows }) => (apiKeyId === null ? nothing(query) : rows.load('keys', query, apiKeyId)),
    }),
  }),
})

type Row = { id: string; createdAt: Date }
interface SecretPage extends ReturnType<Keyset<Row>['connect']> {
  count: () => Promise<number>
}

const SecretConnection = builder.connectionObject(
  {
    type: Secret,
    name: 'SecretConnection',
    description: 'A page of secrets.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many there are in all.',
        extensions: cost({ statements: 1 }),
        resolve: (page) => (page as unknown as SecretPage).count(),
      }),
    }),
  },
  { name: 'SecretEdge', description: 'A secret in a page.' },
)

const newestFirst = byDate('CREATED_AT_DESC', 'createdAt', 'desc')

builder.queryField('secrets', (t) =>
  t.field({
    type: SecretConnection,
    description: 'The secrets that the viewer may see, newest first: all for organization owners, own ones for everybody else.',
    extensions: cost((list) => ({ statements: 1, rows: pageRows(list) })),
    args: {
      first: t.arg.int({ description: 'How many, 0 to 100; 20 unless given.' }),
      after: t.arg.string({ description: 'Only secrets after this cursor.' }),
    },
    resolve: async (_root, list, context, info) => {
      const { ports, scope } = context
      const page = keyset<Row>(list, newestFirst, ports.cursors, `secrets:${scope.organizationId}`)
      const query = queryFromInfo({ context, info, typeName: 'Secret', path: ['edges', 'node'], select: { id: true, createdAt: true } })
      const rows = await ports.secrets.page(query as { select: Prisma.SecretSelect }, scope, page.query)
      const answer: SecretPage = { ...page.connect(rows as unknown as Row[]), count: () => ports.secrets.count(scope) }
      return answer as never
    },
  }),
)

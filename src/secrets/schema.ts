import { builder } from '../graphql/builder.ts'
import { countedConnection, exactly, queryOfRows, readPage } from '../graphql/connections.ts'
import { Node } from '../graphql/node.ts'
import { nothing } from '../graphql/nothing.ts'
import { byDate } from '../graphql/pages.ts'
import { cost, pageRows } from '../graphql/price.ts'

export const Secret = builder.prismaObject('Secret', {
  description: 'A name and an encrypted value; only revealSecret shows the value.',
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
      description: 'The key that was saved here, as it is now; null when the viewer may not see it.',
      select: { apiKeyId: true },
      resolve: (query, { apiKeyId }, _arguments, { rows }) => (apiKeyId === null ? nothing(query) : rows.load('key', query, apiKeyId)),
    }),
  }),
})

const SecretConnection = countedConnection(Secret, 'Secret', {
  page: 'A page of secrets.',
  row: 'A secret in a page.',
  total: 'How many there are in all.',
})

const newestFirst = byDate('CREATED_AT_DESC', 'createdAt', 'desc')

builder.queryField('secrets', (t) =>
  t.field({
    type: SecretConnection,
    description: 'The secrets that the viewer may see, newest first: all for organization owners, own ones for everybody else.',
    extensions: cost((list) => ({ statements: 1, rows: pageRows(list) })),
    args: t.arg.connectionArgs(),
    resolve: (_root, list, context, info) => {
      const { ports, scope } = context
      const query = queryOfRows(context, info, 'Secret', { id: true, createdAt: true })
      return readPage(list, context, {
        name: 'secrets',
        order: newestFirst,
        read: (page) => ports.secrets.page(query, scope, page),
        count: async () => exactly(await ports.secrets.count(scope)),
      })
    },
  }),
)

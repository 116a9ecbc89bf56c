import { builder } from '../graphql/builder.ts'
import { Node } from '../graphql/node.ts'
import { cost } from '../graphql/price.ts'
import { maxApps } from './model.ts'

builder.prismaObject('App', {
  description: 'An Aura App, such as Cloud Functions; keys open its instances.',
  interfaces: [Node],
  select: { id: true },
  fields: (t) => ({
    slug: t.exposeString('slug', { description: 'Its short name, unique in the organization.' }),
    name: t.exposeString('name', { description: 'Its display name.' }),
  }),
})

builder.queryFields((t) => ({
  apps: t.prismaField({
    type: ['App'],
    extensions: cost({ statements: 1, rows: maxApps }),
    description: 'The apps of the organization by name. At most 200 per organization.',
    resolve: (query, _root, _arguments, { ports, scope }) => ports.apps.list(query, scope),
  }),
  app: t.prismaField({
    type: 'App',
    nullable: true,
    description: 'The app with this slug; null when there is none.',
    args: { slug: t.arg.string({ required: true, description: 'The slug.' }) },
    resolve: (query, _root, { slug }, { ports, scope }) => ports.apps.find(query, scope, { slug }),
  }),
}))

import { mayListMembers, maySeeContacts } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { forbidden } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import { countedConnection, exactly, queryOfRows, readPage, rowsOfIds } from '../graphql/connections.ts'
import { byName, type PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import { matchingText } from '../graphql/search.ts'
import type { Prisma } from '../store/client.ts'
import { Member } from './schema.ts'

const MemberFilter = builder.inputType('MemberFilter', {
  description: 'Which members; an omitted or null member means no restriction.',
  fields: (t) => ({
    search: t.string({
      description:
        'Part of the name, or its beginning if it has fewer than three characters; for OWNERs of the organization, part of the address too. Case ignored.',
    }),
    subject: t.string({ description: 'The exact `sub` of their tokens. Members who may not see subjects find only themselves.' }),
    includeRemoved: t.boolean({ description: 'Default false.' }),
  }),
})

const MemberConnection = countedConnection(Member, 'Member', {
  page: 'A page of members.',
  row: 'A member in a page.',
  total: 'How many match in all.',
})

interface ListArguments extends PageArguments {
  filter?: typeof MemberFilter.$inferInput | null | undefined
}

const matching = ({ filter }: ListArguments, scope: Scope): Prisma.MemberWhereInput => ({
  AND: [
    ...(filter?.includeRemoved ? [] : [{ removedAt: null }]),
    ...(filter?.search ? [matchingText(filter.search, { nameAlone: !maySeeContacts(scope) })] : []),
    ...(filter?.subject != null ? [{ subject: filter.subject, ...(maySeeContacts(scope) ? {} : { id: scope.memberId }) }] : []),
  ],
})

builder.queryField('members', (t) =>
  t.field({
    type: MemberConnection,
    nullable: true,
    description: 'The members of the organization by name. For organization owners, Aura Owners and OWNERs of an instance.',
    // A first statement checks if a plain member owns an instance. Where a text is searched, the ids are read before the rows.
    extensions: cost((list) => {
      const filter = list['filter'] as { search?: unknown } | null | undefined
      return { statements: filter?.search ? 3 : 2, rows: pageRows(list), scans: isFiltered(filter) ? 1 : 0 }
    }),
    args: { filter: t.arg({ type: MemberFilter, description: 'Which ones.' }), ...t.arg.connectionArgs() },
    resolve: async (_root, list, context, info) => {
      const { ports, scope } = context
      if (!mayListMembers(scope, false) && !mayListMembers(scope, await ports.instances.ownsAny(scope))) throw forbidden()
      const query = queryOfRows(context, info, 'Member', { id: true, name: true })
      const matches = matching(list, scope)
      return readPage(list, context, {
        name: 'members',
        order: byName,
        read: ({ where, ...page }) =>
          list.filter?.search
            ? rowsOfIds(context, 'mem', query, () => ports.members.idsFound(scope, { ...page, where, matching: matches }))
            : ports.members.page(query, scope, { where: { AND: [where, matches] }, ...page }),
        count: async () => exactly(await ports.members.count(scope, matches)),
      })
    },
  }),
)

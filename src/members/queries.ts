import { queryFromInfo } from '@pothos/plugin-prisma'
import { mayListMembers, maySeeContacts } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { forbidden } from '../errors.ts'
import { builder } from '../graphql/builder.ts'
import { byName, type Keyset, keyset, type PageArguments } from '../graphql/pages.ts'
import { cost, isFiltered, pageRows } from '../graphql/price.ts'
import { containing } from '../graphql/search.ts'
import type { Prisma } from '../store/client.ts'
import { Member } from './schema.ts'

const MemberFilter = builder.inputType('MemberFilter', {
  description: 'Which members; an omitted or null member means no restriction.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the name, ASCII letters in either case; for OWNERs of the organization, of the address too.' }),
    subject: t.string({ description: 'The `sub` of their tokens, exactly. Who may not see subjects finds only themselves.' }),
    includeRemoved: t.boolean({ description: 'Default false.' }),
  }),
})

type Row = { id: string; name: string }
interface MemberPage extends ReturnType<Keyset<Row>['connect']> {
  count: () => Promise<number>
}

const MemberConnection = builder.connectionObject(
  {
    type: Member,
    name: 'MemberConnection',
    description: 'A page of members.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many match in all.',
        extensions: cost({ statements: 1 }),
        resolve: (page) => (page as unknown as MemberPage).count(),
      }),
    }),
  },
  { name: 'MemberEdge', description: 'A member in a page.' },
)

interface ListArguments extends PageArguments {
  filter?: typeof MemberFilter.$inferInput | null | undefined
}

const matching = ({ filter }: ListArguments, scope: Scope): Prisma.MemberWhereInput => ({
  AND: [
    ...(filter?.includeRemoved ? [] : [{ removedAt: null }]),
    ...(filter?.search ? [{ OR: [{ name: containing(filter.search) }, ...(maySeeContacts(scope) ? [{ email: containing(filter.search) }] : [])] }] : []),
    ...(filter?.subject != null ? [{ subject: filter.subject, ...(maySeeContacts(scope) ? {} : { id: scope.memberId }) }] : []),
  ],
})

builder.queryField('members', (t) =>
  t.field({
    type: MemberConnection,
    nullable: true,
    description: 'The members of the organization by name. For organization owners, Aura Owners and whoever is OWNER of an instance.',
    // Whoever is no owner of the organization is looked up first.
    extensions: cost((list) => ({ statements: 2, rows: pageRows(list), scans: isFiltered(list['filter']) ? 1 : 0 })),
    args: {
      filter: t.arg({ type: MemberFilter, description: 'Which ones.' }),
      first: t.arg.int({ description: 'How many, 0 to 100; 20 unless given.' }),
      after: t.arg.string({ description: 'Only members after this cursor.' }),
    },
    resolve: async (_root, list, context, info) => {
      const { ports, scope } = context
      if (!mayListMembers(scope, false) && !mayListMembers(scope, await ports.instances.ownsAny(scope))) throw forbidden()
      const page = keyset<Row>(list, byName, ports.cursors, `members:${scope.organizationId}`)
      const { where, orderBy, take } = page.query
      const query = queryFromInfo({ context, info, typeName: 'Member', path: ['edges', 'node'], select: { id: true, name: true } })
      const rows = await ports.members.page(query as { select: Prisma.MemberSelect }, scope, { where: { AND: [where, matching(list, scope)] }, orderBy, take })
      const answer: MemberPage = { ...page.connect(rows as unknown as Row[]), count: () => ports.members.count(scope, matching(list, scope)) }
      return answer as never
    },
  }),
)

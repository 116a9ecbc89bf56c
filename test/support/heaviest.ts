import type { Company } from './company.ts'

/** An operation that is allowed, and costs about as much as one may. */
export interface Heavy {
  readonly name: string
  readonly role: 'OWNER' | 'MEMBER'
  readonly query: string
  variables(company: Pick<Company, 'I1' | 'appId'>): Record<string, unknown>
}

const everything = `id name hint status orphanReason createdAt expiresAt lastUsedAt revokedAt revokedBy { id name role } createdBy { id name role }
  app { id slug name } instance { id name status createdAt viewerRole viewerCan { delete } } viewerCanRevoke revokeRefusal`
const aliased = (count: number, field: (index: number) => string): string => Array.from({ length: count }, (_, index) => `a${index}: ${field(index)}`).join(' ')

/** As many rows as allowed, in one statement. */
const inRows = `query Rows { apiKeys(first: 100) { edges { node { id instance { apiKeys(first: 42) { edges { node { id } } } } } } } }`
/** Lists that conflict: each is read again for all rows. */
const conflicts = `query Conflicts { apiKeys(first: 19) { edges { node { instance { ${aliased(20, (index) => `apiKeys(first: ${index + 1}) { totalCount edges { node { id } } }`)} } } } } }`
/** Whole rows by pages side by side. */
const pages = `query Pages { ${aliased(8, () => `apiKeys(first: 100) { edges { cursor node { ${everything} } } }`)} }`
/** As many statements as allowed, each of them small. */
const statements = `query Statements { ${aliased(30, (index) => `secrets(first: ${index + 1}) { totalCount edges { node { id } } }`)} }`
/** Orders and filters in rows for which the database reads every key. */
const scans = `query Scans ($in: ID!) { instance(id: $in) { ${aliased(4, (index) => `apiKeys(first: 90, orderBy: ${index % 2 ? 'NAME_ASC' : 'EXPIRES_AT_ASC'}, filter: { search: "f${index}" }) { edges { node { name } } }`)} } }`
const members = 'query LastUsed ($in: ID!) { instance(id: $in) { apiKeys(first: 100, orderBy: LAST_USED_AT_DESC) { edges { node { name lastUsedAt } } } } }'

const none = (): Record<string, unknown> => ({})
const inInstance = ({ I1 }: Pick<Company, 'I1'>): Record<string, unknown> => ({ in: I1 })

/** Kinds to try before those that chance writes. */
export const candidates: readonly Omit<Heavy, 'role'>[] = [
  { name: 'rows in rows', query: inRows, variables: none },
  { name: 'lists that conflict', query: conflicts, variables: none },
  { name: 'whole rows', query: pages, variables: none },
  { name: 'many statements', query: statements, variables: none },
  { name: 'filters in rows', query: scans, variables: inInstance },
  { name: 'last use in rows', query: members, variables: inInstance },
]

const named = (...names: readonly string[]) => candidates.filter(({ name }) => names.includes(name))

/** The worst three of each role, as `npm run bench:heaviest` finds them. */
export const heaviest: readonly Heavy[] = (['OWNER', 'MEMBER'] as const).flatMap((role) =>
  named('rows in rows', 'lists that conflict', 'whole rows').map((each) => ({ ...each, role })),
)

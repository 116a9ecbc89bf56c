import { type DocumentNode, type GraphQLSchema, getNamedType, OperationTypeNode, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import { shareable } from './shareable.ts'

/**
 * Fields whose result depends only on the organization's rows under its version, and on the member who asks: answers to queries that select
 * nothing else may be sent again while the version stands. Not listed, and so never kept: `viewer.organizations`, which shows other
 * organizations; the audit log and its entries, and `node` and `nodes`, which can show entries: retention deletes them without a version.
 */
export const keepable: Readonly<Record<string, readonly string[]>> = {
  Query: ['viewer', 'apps', 'app', 'instance', 'apiKey', 'apiKeys', 'members', 'secrets'],
  Viewer: ['member', 'organization', 'can'],
  ViewerPermissions: ['createApp', 'createInstance', 'manageMembers', 'readAuditLog'],
  Organization: ['id', 'slug', 'name', 'version', 'maxKeyLifetimeDays', 'keyCounts'],
  App: ['id', 'slug', 'name', 'keyCounts', 'instances', 'apiKeys'],
  AppInstance: ['id', 'name', 'status', 'app', 'createdBy', 'createdAt', 'deletedAt', 'viewerRole', 'viewerCan', 'keyCounts', 'apiKeys', 'access'],
  InstancePermissions: ['createKey', 'revokeActiveKeys', 'revokeOrphanedKeys', 'controlAccess', 'delete'],
  InstanceAccess: ['member', 'role'],
  KeyCounts: ['active', 'expired', 'orphaned', 'revoked', 'total', 'version'],
  ApiKey: [...(shareable['ApiKey'] ?? []), 'viewerCanRevoke', 'revokeRefusal'],
  Member: ['id', 'name', 'role', 'joinedAt', 'removedAt', 'subject', 'email'],
  Secret: ['id', 'name', 'createdBy', 'createdAt', 'updatedAt', 'apiKey'],
  PageInfo: ['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor'],
}

/** Of these, what everybody sees alike who sees the whole organization, besides what subscribers share (`shareable`). */
export const alike: Readonly<Record<string, readonly string[]>> = {
  Query: ['apps', 'app', 'instance', 'apiKey', 'apiKeys'],
  App: ['keyCounts', 'instances', 'apiKeys'],
  AppInstance: ['keyCounts', 'apiKeys'],
  PageInfo: ['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor'],
}

/** Of every page: its rows, and their number. */
const pageFields: Readonly<Record<string, readonly string[]>> = {
  Connection: ['edges', 'pageInfo', 'totalCount', 'totalCountIsExact'],
  Edge: ['node', 'cursor'],
}

/** Selects, filters or sorts by last use, in a document or in its variables. */
const lastUse = /lastUsedAt|unusedSince|LAST_USED_AT/
/** Reads columns that a job writes without a version: those that search reads. */
const unversioned = /\bsearch\b/

/** How the answers of a query may be kept. */
export interface Keepable {
  /** Everybody who sees the whole organization gets the same answer. */
  readonly isAlike: boolean
  /** Whether it depends on last uses too, which move no version. */
  readonly readsLastUses: boolean
}

type Fields = Readonly<Record<string, readonly string[]>>

const lists = (fields: Fields, type: string, name: string): boolean => fields[type]?.includes(name) ?? false

const isPageField = (type: string, name: string): boolean => lists(pageFields, /(Connection|Edge)$/.exec(type)?.[1] ?? '', name)

/** A connection's version is that of the request, see `ApiKeyConnection.version`. */
const isVersionOfPage = (type: string, name: string): boolean => name === 'version' && type === 'ApiKeyConnection'

const analyses = new WeakMap<DocumentNode, Keepable | null>()

function analyse(schema: GraphQLSchema, document: DocumentNode): Keepable | null {
  const types = new TypeInfo(schema)
  let isKeepable = true
  let isAlike = true
  visit(
    document,
    visitWithTypeInfo(types, {
      OperationDefinition: ({ operation }) => {
        if (operation !== OperationTypeNode.QUERY) isKeepable = false
      },
      Field: ({ name: { value: name } }) => {
        const type = getNamedType(types.getParentType())?.name ?? ''
        if (name === '__typename' || isPageField(type, name)) return
        if (!lists(keepable, type, name) && !isVersionOfPage(type, name)) isKeepable = false
        if (!lists(alike, type, name) && !lists(shareable, type, name)) isAlike = false
      },
    }),
  )
  const text = document.loc?.source.body ?? ''
  return isKeepable && !unversioned.test(text) ? { isAlike, readsLastUses: lastUse.test(text) } : null
}

/** How the answers of a valid document may be kept, as far as its variables allow; null if they may not. */
export function keepableOf(schema: GraphQLSchema, document: DocumentNode): Keepable | null {
  const known = analyses.get(document)
  const analysis = known === undefined ? analyse(schema, document) : known
  analyses.set(document, analysis)
  return analysis
}

/** The same with these variables, as JSON. */
export function keepableWith(keepable: Keepable, variables: string): Keepable | null {
  if (unversioned.test(variables)) return null
  return lastUse.test(variables) ? { ...keepable, readsLastUses: true } : keepable
}

import { type DocumentNode, type GraphQLSchema, getNamedType, TypeInfo, visit, visitWithTypeInfo } from 'graphql'

/**
 * Fields whose result depends only on the row, not on the caller: only operations that select nothing else share their executions.
 * A field that is not listed is never shared, so a new field costs extra executions until it is added here, but leaks nothing.
 */
export const shareable: Readonly<Record<string, readonly string[]>> = {
  Subscription: ['keyCounts', 'keyCountsOf', 'apiKeyChanged', 'events'],
  KeyCounts: ['active', 'expired', 'orphaned', 'revoked', 'total', 'version'],
  KeyCountsOf: ['app', 'instance', 'counts'],
  ApiKeyChange: ['version', 'kind', 'occurredAt', 'apiKey', 'actor'],
  Event: ['id', 'version', 'kind', 'occurredAt', 'actor', 'apiKey', 'instance', 'app', 'member'],
  ApiKey: ['id', 'name', 'hint', 'status', 'orphanReason', 'app', 'instance', 'createdBy', 'createdAt', 'expiresAt', 'lastUsedAt', 'revokedAt', 'revokedBy'],
  App: ['id', 'slug', 'name'],
  AppInstance: ['id', 'name', 'status', 'app', 'createdBy', 'createdAt', 'deletedAt'],
  Member: ['id', 'name', 'role', 'joinedAt', 'removedAt'],
}

/** Where rows have their counts already, with which the message began; elsewhere they are read for the viewer. */
const counted = ['KeyCountsOf.app', 'KeyCountsOf.instance']

interface Analysis {
  readonly isShareable: boolean
  /** The variable that says where a feed resumes, if it has no other use: responses do not depend on it. */
  readonly resumeVariable: string | null
}

const analyses = new WeakMap<DocumentNode, Analysis>()

/** Whether an operation's responses depend only on its text, its variables and what is in scope. `document` is valid. */
export function analyse(schema: GraphQLSchema, document: DocumentNode): Analysis {
  const known = analyses.get(document)
  if (known) return known
  const types = new TypeInfo(schema)
  const uses = new Map<string, number>()
  /** The fields around the current one, within its operation or fragment. */
  const around: string[] = []
  let isShareable = true
  let resumeVariable: string | null = null
  visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition: () => false,
      Variable: ({ name }) => void uses.set(name.value, (uses.get(name.value) ?? 0) + 1),
      Field: {
        enter: ({ name: { value: name }, arguments: given }) => {
          const parent = types.getParentType()
          const type = getNamedType(parent)?.name ?? ''
          const isCounted = name === 'keyCounts' && counted.includes(around.at(-1) ?? '')
          if (name !== '__typename' && !isCounted && !shareable[type]?.includes(name)) isShareable = false
          around.push(`${type}.${name}`)
          if (parent !== schema.getSubscriptionType()) return
          const after = given?.find((argument) => argument.name.value === 'after')?.value
          if (after?.kind === 'Variable') resumeVariable = after.name.value
        },
        leave: () => void around.pop(),
      },
    }),
  )
  if (resumeVariable !== null && uses.get(resumeVariable) !== 1) resumeVariable = null
  const analysis = { isShareable, resumeVariable }
  analyses.set(document, analysis)
  return analysis
}

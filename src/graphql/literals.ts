import { type ASTNode, type ASTVisitor, GraphQLError, Kind, type ValidationContext, ValuesOfCorrectTypeRule, visit, visitInParallel } from 'graphql'
import { redactKeys } from '../crypto/key-format.ts'
import { noNul } from './variables.ts'

/** The dotted path of a literal inside its argument: `input.name` is `name`; without a path, the argument's own name. `inner` is a field that it lacks. */
function fieldOf(context: ValidationContext, target: ASTNode, inner: string | undefined): string {
  let found = ''
  visit(context.getDocument(), {
    enter: (node, _key, parent, _path, ancestors) => {
      if (node !== target) return
      const trail = [...ancestors, parent, node].filter(isNode)
      const names = trail.flatMap((each) => (each.kind === Kind.OBJECT_FIELD ? [each.name.value] : []))
      const argument = trail.find((each) => each.kind === Kind.ARGUMENT)
      found = [...names.map(redactKeys), ...(inner === undefined ? [] : [inner])].join('.') || (argument?.name.value ?? '')
    },
  })
  return found
}

const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'kind' in value

/** The required field that an input object lacks, if that is the error. */
const missingIn = (error: GraphQLError): string | undefined => /^Field "\w+\.(\w+)" of required type/.exec(error.message)?.[1]

/** What is wrong, in words that do not repeat the value, which may be a secret. */
function reasonOf(error: GraphQLError): string {
  const own = error.originalError as { extensions?: { code?: string } } | undefined
  if (own?.extensions?.code === 'BAD_USER_INPUT') return error.originalError?.message.replace(/^\w+: /, '') ?? ''
  if (/is not defined by type/.test(error.message)) return 'is not a field of this input'
  return missingIn(error) === undefined ? 'has a value of the wrong type' : 'is required'
}

/** graphql-js' rule on literals, whose errors name the field and never the value, like those on variables. */
export function literals(context: ValidationContext): ASTVisitor {
  const refuse = (node: ASTNode | undefined, inner: string | undefined, reason: string): void => {
    const field = node ? fieldOf(context, node, inner) : ''
    const message = `${field === '' ? 'An argument' : `${field}:`} ${reason}`
    context.reportError(new GraphQLError(message, { nodes: node ?? null, extensions: { code: 'BAD_USER_INPUT', ...(field === '' ? {} : { field }) } }))
  }
  const report = (error: GraphQLError): void => refuse(error.nodes?.[0], missingIn(error), reasonOf(error))
  const rule = ValuesOfCorrectTypeRule(Object.create(context, { reportError: { value: report } }) as ValidationContext)
  const withoutNul: ASTVisitor = { StringValue: (node) => void (node.value.includes('\0') && refuse(node, undefined, noNul)) }
  return visitInParallel([rule, withoutNul])
}

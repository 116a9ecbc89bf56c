import {
  type ArgumentNode,
  type ASTNode,
  type ASTVisitor,
  GraphQLError,
  type ObjectFieldNode,
  type ValidationContext,
  ValuesOfCorrectTypeRule,
  visitInParallel,
} from 'graphql'
import { fieldName, maxListItems, noNul, tooLong } from './variables.ts'

/** The missing required field of an input object, if that is the error. */
const missingIn = (error: GraphQLError): string | undefined => /^Field "\w+\.(\w+)" of required type/.exec(error.message)?.[1]

/** Describes the error without the value, which can be a secret. */
function reasonOf(error: GraphQLError): string {
  const own = error.originalError as { extensions?: { code?: string } } | undefined
  if (own?.extensions?.code === 'BAD_USER_INPUT') return error.originalError?.message.replace(/^\w+: /, '') ?? ''
  if (/is not defined by type/.test(error.message)) return 'is not a field of this input'
  return missingIn(error) === undefined ? 'has a value of the wrong type' : 'is required'
}

/** graphql-js' rule on literals, with errors that name the field and never the value, as for variables. */
export function literals(context: ValidationContext): ASTVisitor {
  // The current position: rules report errors at it.
  let argument = ''
  const trail: string[] = []
  const place: ASTVisitor = {
    Argument: {
      enter: ({ name }: ArgumentNode) => {
        argument = name.value
      },
      leave: () => {
        argument = ''
      },
    },
    ObjectField: { enter: ({ name }: ObjectFieldNode) => void trail.push(name.value), leave: () => void trail.pop() },
  }
  const refuse = (node: ASTNode | undefined, inner: string | undefined, reason: string): void => {
    // The dotted path of a literal inside its argument: `input.name` is `name`; without a path, the argument's own name.
    const field = fieldName(inner === undefined ? trail : [...trail, inner], argument)
    const message = `${field === '' ? 'An argument' : `${field}:`} ${reason}`
    context.reportError(new GraphQLError(message, { nodes: node ?? null, extensions: { code: 'BAD_USER_INPUT', ...(field === '' ? {} : { field }) } }))
  }
  const report = (error: GraphQLError): void => refuse(error.nodes?.[0], missingIn(error), reasonOf(error))
  const rule = ValuesOfCorrectTypeRule(Object.create(context, { reportError: { value: report } }) as ValidationContext)
  const anyType: ASTVisitor = {
    StringValue: (node) => void (node.value.includes('\0') && refuse(node, undefined, noNul)),
    ListValue: (node) => void (node.values.length > maxListItems && refuse(node, undefined, tooLong)),
  }
  return visitInParallel([place, rule, anyType])
}

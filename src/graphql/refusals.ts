import type { ExecutionArgs, GraphQLError } from 'graphql'
import { priceErrors } from './price.ts'
import { variableErrors } from './variables.ts'

/** Returns the errors of a valid operation with its variables. Every transport calls this before it executes anything. */
export function refusals(args: ExecutionArgs): GraphQLError[] {
  const wrong = variableErrors(args)
  return wrong.length > 0 ? wrong : priceErrors(args)
}

import type { ExecutionArgs, GraphQLError } from 'graphql'
import { priceErrors } from './price.ts'
import { variableErrors } from './variables.ts'

/** What is wrong with a valid operation now that its variables are known: asked on every transport before anything is executed. */
export function refusals(args: ExecutionArgs): GraphQLError[] {
  const wrong = variableErrors(args)
  return wrong.length > 0 ? wrong : priceErrors(args)
}

import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  type ValidationRule,
  ValuesOfCorrectTypeRule,
} from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import { type Context, createContext } from '../graphql/context.ts'
import { createMaskError } from '../graphql/errors.ts'
import { limitRules, maxTokens, rejected } from '../graphql/limits.ts'
import { literals } from '../graphql/literals.ts'
import { refusals } from '../graphql/refusals.ts'
import { createSchema } from '../graphql/schema.ts'
import type { Ports } from '../ports.ts'
import { isTransient } from '../store/client.ts'
import { caller, currentRequest, identify } from './request.ts'

/** Larger bodies are answered with 413. */
export const maxBodyBytes = 100_000

/** What sockets and streams hand over in place of an HTTP request. */
export interface StreamContext {
  readonly authorization?: string | undefined
  readonly organization?: string | undefined
}

export interface GraphQLServer {
  readonly yoga: YogaServerInstance<StreamContext, Context>
  /** Makes an error fit to leave the process. */
  readonly mask: (error: unknown) => GraphQLError
  readonly ports: Ports
  /** The schema in which answers of subscriptions are executed, see `createSchema`. */
  readonly unguarded: GraphQLSchema
}

interface Refusing {
  args: ExecutionArgs
  setResultAndStopExecution(result: { errors: unknown[] }): void
}

function refuseVariables({ args, setResultAndStopExecution }: Refusing): void {
  const errors = refusals(args)
  if (errors.length > 0) setResultAndStopExecution({ errors })
}

/** An answer that holds data is 200: who reads 429 or 401 takes it that nothing was done, and repeats what was. */
function keepStatus(result: unknown): void {
  const { data, errors = [] } = result as ExecutionResult
  if (Object.values(data ?? {}).every((value) => value === null)) return
  for (const { extensions } of errors) if (extensions['http']) extensions['http'] = { ...extensions['http'], status: 200 }
}

/** The limits that hold on every transport, since each prepares its operations through these hooks. */
const limits = (options: { introspection: boolean }, mask: (error: unknown) => GraphQLError): Plugin => ({
  onParse: ({ setParseFn }) => setParseFn((source, parseOptions) => parse(source, { ...parseOptions, maxTokens })),
  onValidate: ({ setValidationFn, validateFn }) => {
    setValidationFn((schema, document, rules = specifiedRules, ...more) => {
      // Alone and first: a document beyond the limits is not worth the work of the other rules, nor an error for each of its parts.
      const beyond = validateFn(schema, document, limitRules(options))
      if (beyond.length > 0) return beyond
      return validateFn(
        schema,
        document,
        rules.map((rule: ValidationRule) => (rule === ValuesOfCorrectTypeRule ? literals : rule)),
        ...more,
      )
    })
    // Yoga gives a code of its own to whatever has none yet, and masks no errors of validation.
    return ({ result, setResult }) => setResult(result.map(mask))
  },
  onExecute: (hook) => refuseVariables(hook as unknown as Refusing),
  onResultProcess: ({ result }) => keepStatus(result),
  // Sockets and event streams follow subscriptions by themselves; what comes here asked for another form.
  onSubscribe: (hook) => (hook as unknown as Refusing).setResultAndStopExecution({ errors: [elsewhere()] }),
})

const elsewhere = (): GraphQLError => rejected('Subscriptions come over a WebSocket, or as events to whoever accepts text/event-stream.')

/** GraphQL over HTTP and SSE; `getEnveloped` serves the WebSocket with the same hooks. */
export function createGraphQLServer(ports: Ports, options: { production: boolean; allowedOrigins: readonly string[] }): GraphQLServer {
  const mask = createMaskError({ ...ports, requestId: () => currentRequest()?.id, caller, isTransient, suggestions: !options.production })
  const { schema, unguarded } = createSchema()
  const yoga = createYoga<StreamContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    context: async (initial) => {
      const headers = initial.request?.headers
      const actor = await ports.authenticate({
        authorization: headers?.get('authorization') ?? initial.authorization,
        organization: headers?.get('x-aura-organization') ?? initial.organization,
      })
      identify(actor)
      return createContext(ports, actor)
    },
    plugins: [limits({ introspection: !options.production }, mask)],
    maskedErrors: { maskError: mask },
    // No origin is "every origin" to Yoga, and one is sent to whoever asks: it gets the one that asks, or none of these headers.
    cors: ({ headers }) => {
      const origin = headers.get('origin')
      return origin !== null && options.allowedOrigins.includes(origin) ? { origin: [origin], methods: ['GET', 'POST'], credentials: false } : false
    },
    graphiql: !options.production,
    landingPage: false,
    multipart: false,
    batching: false,
    maxRequestBodySize: maxBodyBytes,
    logging: false,
  })
  return { yoga, mask, ports, unguarded }
}

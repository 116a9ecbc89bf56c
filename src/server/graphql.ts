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
import type { Credential, Identity } from '../access/actor.ts'
import { unauthenticated } from '../errors.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { createMaskError } from '../graphql/errors.ts'
import { limitRules, maxTokens, rejected } from '../graphql/limits.ts'
import { literals } from '../graphql/literals.ts'
import { refusals } from '../graphql/refusals.ts'
import { createSchema } from '../graphql/schema.ts'
import type { Ports } from '../ports.ts'
import { isTransient } from '../store/client.ts'
import { currentWork } from '../store/work.ts'
import { type Admission, createAdmission } from './admission.ts'
import { orStopped } from './deadline.ts'
import { currentRequest, identify } from './request.ts'
import { createSenders, type Senders } from './senders.ts'

/** Larger bodies are answered with 413. */
export const maxBodyBytes = 100_000

/** Who sends an operation, once its credential was checked. */
export interface ServerContext {
  identity?: Identity
}

export interface GraphQLServer {
  readonly yoga: YogaServerInstance<ServerContext, Context>
  /** Makes an error fit to leave the process. */
  readonly mask: (error: unknown) => GraphQLError
  readonly ports: Ports
  readonly admission: Admission
  readonly senders: Senders
  /** How long an operation may take. */
  readonly timeoutMs: number
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
  onExecute: (hook) => {
    refuseVariables(hook as unknown as Refusing)
    const work = currentWork()
    const { executeFn } = hook
    if (work) hook.setExecuteFn((args) => orStopped(work, () => executeFn(args) as Promise<ExecutionResult>))
  },
  // Sockets and event streams follow subscriptions by themselves; what comes here asked for another form.
  onSubscribe: (hook) => (hook as unknown as Refusing).setResultAndStopExecution({ errors: [elsewhere()] }),
})

const elsewhere = (): GraphQLError => rejected('Subscriptions come over a WebSocket, or as events to whoever accepts text/event-stream.')

/** Checks who sends before anything of the operation is read, then waits for its turn. */
export async function admit({ ports, admission, senders }: Pick<GraphQLServer, 'ports' | 'admission' | 'senders'>, credential: Credential): Promise<Identity> {
  const identity = await ports.identify(credential)
  const work = currentWork()
  if (work) work.leaveQueue = await admission.enter(senders.of(identity), work)
  return identity
}

/** The same for what comes over HTTP; sockets and streams have done so when they prepare an operation. */
const admission = (server: Pick<GraphQLServer, 'ports' | 'admission' | 'senders' | 'mask'>): Plugin<ServerContext> => ({
  onParams: async ({ request, context, setResult }) => {
    const { headers } = request
    try {
      ;(context as ServerContext).identity = await admit(server, {
        authorization: headers.get('authorization'),
        organization: headers.get('x-aura-organization'),
      })
    } catch (error) {
      setResult({ errors: [server.mask(error)] })
    }
  },
})

/** GraphQL over HTTP and SSE; `getEnveloped` serves the WebSocket with the same hooks. */
export function createGraphQLServer(
  ports: Ports,
  options: { production: boolean; allowedOrigins: readonly string[]; timeoutMs: number; operationsPerMember: number; queuedPerMember: number },
): GraphQLServer {
  const mask = createMaskError({ log: ports.log, refused: ports.refused, requestId: () => currentRequest()?.id, isTransient, suggestions: !options.production })
  const { schema, unguarded } = createSchema()
  const server = {
    mask,
    ports,
    unguarded,
    admission: createAdmission({ perMember: options.operationsPerMember, waitingPerMember: options.queuedPerMember }),
    senders: createSenders(),
    timeoutMs: options.timeoutMs,
  }
  const yoga = createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    context: async ({ identity }) => {
      if (!identity) throw unauthenticated()
      const actor = await ports.authenticate(identity)
      server.senders.learn(identity, actor)
      identify(actor)
      return createContext(ports, actor)
    },
    plugins: [admission(server), limits({ introspection: !options.production }, mask)],
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
  return { ...server, yoga }
}

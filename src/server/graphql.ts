import type { DocumentNode, ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Identity } from '../access/actor.ts'
import { createSchema } from '../api/schema.ts'
import { unauthenticated } from '../errors.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { createMaskError } from '../graphql/errors.ts'
import { fewErrors } from '../graphql/few-errors.ts'
import { rejected } from '../graphql/limits.ts'
import { refusals } from '../graphql/refusals.ts'
import type { Ports } from '../ports.ts'
import { isTransient } from '../store/client.ts'
import { currentWork } from '../store/work.ts'
import { type Admission, createAdmission } from './admission.ts'
import { orStopped } from './deadline.ts'
import { createDocuments, type Documents } from './documents.ts'
import { createLongQueries } from './long-queries.ts'
import { caller, currentRequest, identify } from './request.ts'
import { createSenders, type Senders } from './senders.ts'

/** Larger bodies are answered with 413. */
export const maxBodyBytes = 100_000

/** Who sends an operation: as the route checked it, and once it was admitted. */
export interface ServerContext {
  readonly identified: Promise<Identity>
  identity?: Identity
}

export interface GraphQLServer {
  readonly yoga: YogaServerInstance<ServerContext, Context>
  readonly documents: Documents
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

/** Yoga's types leave out that these hooks can end the execution. */
const refusingOf = (hook: object): Refusing => hook as unknown as Refusing

/** What Yoga asks of its plugins goes to `documents`, as on the other transports. */
function limits(documents: Documents, mask: (error: unknown) => GraphQLError): Plugin {
  const wrong = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  const inLine = createLongQueries()
  return {
    onParse: ({ setParseFn }) =>
      setParseFn((source) => {
        const { document, errors } = documents.read(String(source))
        wrong.set(document, errors)
        return document
      }),
    onValidate: ({ setValidationFn }) => {
      setValidationFn((_schema, document) => wrong.get(document) ?? [])
      // Yoga gives a code of its own to whatever has none yet, and masks no errors of validation.
      return ({ result, setResult }) => setResult(result.map(mask))
    },
    onExecute: (hook) => {
      const refusing = refusingOf(hook)
      documents.keep(refusing.args.document)
      refuseVariables(refusing)
      const work = currentWork()
      const { executeFn } = hook
      if (work) hook.setExecuteFn((args) => orStopped(work, () => inLine(args, work, () => executeFn(args) as Promise<ExecutionResult> | ExecutionResult)))
    },
    // Sockets and event streams follow subscriptions by themselves; what comes here asked for another form.
    onSubscribe: (hook) => refusingOf(hook).setResultAndStopExecution({ errors: [elsewhere()] }),
    onResultProcess: ({ result }) => keepStatus(result),
    onExecutionResult: ({ result, setResult }) => {
      if (result && 'errors' in result && result.errors) setResult({ ...result, errors: fewErrors(result.errors) })
    },
  }
}
/** An answer that holds data is 200: who reads 429 or 401 takes it that nothing was done, and repeats what was. */
function keepStatus(result: unknown): void {
  const { data, errors = [] } = result as ExecutionResult
  if (Object.values(data ?? {}).every((value) => value === null)) return
  for (const { extensions } of errors) if (extensions['http']) extensions['http'] = { ...extensions['http'], status: 200 }
}

const elsewhere = (): GraphQLError => rejected('Subscriptions come over a WebSocket, or as events to whoever accepts text/event-stream.')

/** Knows who sends before anything of the operation is read, then waits for its turn. */
export async function admit({ admission, senders }: Pick<GraphQLServer, 'admission' | 'senders'>, identified: Promise<Identity>): Promise<Identity> {
  const identity = await identified
  const work = currentWork()
  if (work) work.leaveQueue = await admission.enter(senders.of(identity), work)
  return identity
}

/** The same for what comes over HTTP; sockets and streams have done so when they prepare an operation. */
const admission = (server: Pick<GraphQLServer, 'admission' | 'senders' | 'mask'>): Plugin<ServerContext> => ({
  onParams: async ({ context, setResult }) => {
    const sent = context as ServerContext
    try {
      sent.identity = await admit(server, sent.identified)
    } catch (error) {
      setResult({ errors: [server.mask(error)] })
    }
  },
})

/** GraphQL over HTTP and SSE; `getEnveloped` serves the WebSocket with the same hooks. */
export function createGraphQLServer(
  ports: Ports,
  options: {
    production: boolean
    allowedOrigins: readonly string[]
    documentCacheBytes: number
    timeoutMs: number
    operationsPerMember: number
    queuedPerMember: number
  },
): GraphQLServer {
  const mask = createMaskError({ ...ports, requestId: () => currentRequest()?.id, caller, isTransient, suggestions: !options.production })
  const { schema, unguarded } = createSchema()
  const server = {
    mask,
    ports,
    unguarded,
    documents: createDocuments(schema, { introspection: !options.production, cacheBytes: options.documentCacheBytes }),
    admission: createAdmission({
      perMember: options.operationsPerMember,
      waitingPerMember: options.queuedPerMember,
      refused: () => ports.metrics.rateLimited('operations_waiting'),
    }),
    senders: createSenders(),
    timeoutMs: options.timeoutMs,
  }
  const yoga = createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    context: async ({ identity }) => {
      if (!identity) throw unauthenticated()
      const authenticated = ports.authenticate(identity)
      const actor = await (currentWork()?.race(authenticated) ?? authenticated)
      server.senders.learn(identity, actor)
      identify(actor)
      return createContext(ports, actor)
    },
    plugins: [admission(server), limits(server.documents, mask)],
    // Yoga keeps a thousand of any size, whoever sent them.
    parserAndValidationCache: false,
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
    // The body was measured while it was read.
    maxRequestBodySize: false,
    logging: false,
  })
  return { ...server, yoga }
}

import { type DocumentNode, type ExecutionArgs, type ExecutionResult, execute, type GraphQLError, type GraphQLSchema } from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Identity } from '../access/actor.ts'
import { createSchema, rules } from '../api/schema.ts'
import { unauthenticated } from '../errors.ts'
import { type Context, createContext } from '../graphql/context.ts'
import { createMaskError } from '../graphql/errors.ts'
import { fewErrors } from '../graphql/few-errors.ts'
import { rejected } from '../graphql/limits.ts'
import { executePlanned } from '../graphql/planned.ts'
import { refusals } from '../graphql/refusals.ts'
import type { Ports } from '../ports.ts'
import { isTransient } from '../store/failures.ts'
import { currentWork } from '../store/work.ts'
import { type Admission, createAdmission } from './admission.ts'
import { type Answers, createAnswers, type Keeping } from './answers.ts'
import { orStopped } from './deadline.ts'
import { createDocuments, type Documents } from './documents.ts'
import { createLongQueries } from './long-queries.ts'
import { isHashAlone, notPersisted, type OperationRequest, operationOf } from './operation-request.ts'
import { callerOf, executeToKeep } from './recall.ts'
import { caller, currentRequest } from './request.ts'
import { createSenders, type Senders } from './senders.ts'

/** Larger bodies are refused with 413. */
export const maxBodyBytes = 100_000

/** The sender of an operation: as the route checked it, and after admission. */
export interface ServerContext {
  readonly identified: Promise<Identity>
  identity?: Identity
  /** What it failed with before Yoga looks at it: a refusal, or a failure of the execution. */
  failure?: unknown
  /** What becomes of the answer. */
  readonly keeping: Keeping
  /** The result, if it was executed before Yoga looks at it. */
  executed?: ExecutionResult
  /** The operation is a subscription, which Yoga does not answer. */
  readonly subscribes?: () => void
}

export interface GraphQLServer {
  readonly yoga: YogaServerInstance<ServerContext, Context>
  readonly documents: Documents
  readonly answers: Answers
  /** Makes an error safe to send to a client. */
  readonly mask: (error: unknown) => GraphQLError
  readonly ports: Ports
  readonly admission: Admission
  readonly senders: Senders
  /** How long an operation may take. */
  readonly timeoutMs: number
  readonly schema: GraphQLSchema
  /** The schema that executes the answers of subscriptions, see `createSchema`. */
  readonly unguarded: GraphQLSchema
  /** Executes a checked operation, within the time of its work. */
  readonly execute: (args: ExecutionArgs, keeping: Keeping) => Promise<ExecutionResult>
}

interface Refusing {
  args: ExecutionArgs
  setResultAndStopExecution(result: { errors: unknown[] }): void
}

function refuseVariables({ args, setResultAndStopExecution }: Refusing): void {
  const errors = refusals(args)
  if (errors.length > 0) setResultAndStopExecution({ errors })
}

/** Yoga's types omit that these hooks can end the execution. */
const refusingOf = (hook: object): Refusing => hook as unknown as Refusing

/** Yoga parses and validates with `documents`, like the other transports. */
function limits(server: Omit<GraphQLServer, 'yoga'>): Plugin {
  const { documents, mask } = server
  const wrong = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  return {
    onParse: ({ context, setParseFn }) =>
      setParseFn((source) => {
        const { document, errors } = documents.read(String(source))
        wrong.set(document, errors)
        // Before Yoga does, which has one text for all.
        if (errors.length === 0) operationOf(document, (context as { params?: OperationRequest }).params ?? {})
        return document
      }),
    onValidate: ({ setValidationFn }) => {
      setValidationFn((_schema, document) => wrong.get(document) ?? [])
      // Yoga adds its own code to errors without one, and does not mask validation errors.
      return ({ result, setResult }) => setResult(result.map(mask))
    },
    onExecute: (hook) => {
      const refusing = refusingOf(hook)
      documents.keep(refusing.args.document)
      refuseVariables(refusing)
      const { keeping, executed } = refusing.args.contextValue as ServerContext
      hook.setExecuteFn((args) => executed ?? server.execute(args, keeping))
    },
    // Sockets and event streams handle subscriptions themselves; a request here asks for another form.
    onSubscribe: (hook) => {
      const { args, setResultAndStopExecution } = refusingOf(hook)
      ;(args.contextValue as ServerContext).subscribes?.()
      setResultAndStopExecution({ errors: [elsewhere()] })
    },
    onResultProcess: ({ result }) => keepStatus(result),
    onExecutionResult: ({ result, setResult }) => {
      if (result && 'errors' in result && result.errors) setResult({ ...result, errors: fewErrors(result.errors) })
    },
  }
}

/** A response with data is 200: a client that gets 429 or 401 assumes that nothing was done, and retries. */
function keepStatus(result: unknown): void {
  const { data, errors = [] } = result as ExecutionResult
  if (Object.values(data ?? {}).every((value) => value === null)) return
  for (const { extensions } of errors) if (extensions['http']) extensions['http'] = { ...extensions['http'], status: 200 }
}

const elsewhere = (): GraphQLError => rejected('Subscriptions come over a WebSocket, or as events to whoever accepts text/event-stream.')

/** Identifies the sender before the operation is read, then waits for its turn. `isKnown`: it was read before. */
export async function admit(
  { admission, senders }: Pick<GraphQLServer, 'admission' | 'senders'>,
  identified: Promise<Identity>,
  isKnown = false,
): Promise<Identity> {
  const identity = await identified
  const work = currentWork()
  if (work) work.leaveQueue = await admission.enter(senders.of(identity), work, isKnown)
  return identity
}

/** The same for HTTP; sockets and streams do this when they prepare an operation. */
const admission = (server: Pick<GraphQLServer, 'admission' | 'senders' | 'mask'>): Plugin<ServerContext> => ({
  onParams: async ({ params, setParams, context, setResult }) => {
    const sent = context as ServerContext
    try {
      if (sent.failure !== undefined) throw sent.failure
      sent.identity ??= await admit(server, sent.identified)
      if (isHashAlone(params)) {
        setResult({ errors: [notPersisted()] })
        // Yoga refuses a request without a text in its own words.
        setParams({ ...params, query: '' })
      } else if (params.operationName === '') setParams({ ...params, operationName: undefined as never })
    } catch (error) {
      setResult({ errors: [server.mask(error)] })
    }
  },
})

/** GraphQL over HTTP; `getEnveloped` gives WebSocket and SSE the same hooks. */
export function createGraphQLServer(
  ports: Ports,
  options: {
    production: boolean
    documentCacheBytes: number
    keptAnswersBytes: number
    timeoutMs: number
    operationsPerMember: number
    queuedPerMember: number
  },
): GraphQLServer {
  const mask = createMaskError({ ...ports, requestId: () => currentRequest()?.id, caller, isTransient, suggestions: !options.production })
  const { schema, unguarded } = createSchema()
  const senders = createSenders()
  const inLine = createLongQueries()
  const planned = (args: ExecutionArgs): Promise<ExecutionResult | null> => executePlanned(args, args.schema === unguarded ? null : rules.Query)
  const run = (args: ExecutionArgs): Promise<ExecutionResult> => {
    const work = currentWork()
    // Yoga's own puts the fields of an object in the order in which they are ready, and not in that of the document: GraphQL 7.2.2.
    const whole = async (): Promise<ExecutionResult> => (await planned(args)) ?? (work ? inLine(args, work, () => execute(args)) : execute(args))
    return work ? orStopped(work, whole) : whole()
  }
  const server: Omit<GraphQLServer, 'yoga'> = {
    mask,
    ports,
    schema,
    unguarded,
    execute: (args, keeping) => executeToKeep(server, args, keeping, run),
    documents: createDocuments(schema, { introspection: !options.production, cacheBytes: options.documentCacheBytes }),
    admission: createAdmission({
      perMember: options.operationsPerMember,
      waitingPerMember: options.queuedPerMember,
      refused: () => ports.metrics.rateLimited('operations_waiting'),
    }),
    senders,
    answers: createAnswers(schema, { senders, maxBytes: options.keptAnswersBytes, signature: () => ports.digests.currentId }),
    timeoutMs: options.timeoutMs,
  }
  const yoga = createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    context: async ({ identity, keeping }) => {
      if (!identity) throw unauthenticated()
      return createContext(ports, keeping.actor ?? (await callerOf(server, identity, currentWork())))
    },
    plugins: [admission(server), limits(server)],
    // Yoga keeps a thousand of any size, from any sender.
    parserAndValidationCache: false,
    maskedErrors: { maskError: mask },
    // The route has set the headers before, since responses that never reach Yoga need them too.
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    // The body size is already checked.
    maxRequestBodySize: false,
    logging: false,
  })
  return { ...server, yoga }
}

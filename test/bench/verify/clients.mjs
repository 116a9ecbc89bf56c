// Asks for verifications as fast as the answers come, or at a fixed pace, over connections that stay, in a process of its own: raw sockets and
// requests that are built beforehand, so that the clients cost less than any server.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

/** Characters of a key, and of its line in a file of keys. */
const length = 81
const line = length + 1

const requests = {
  verify: (key, instanceId, more = '') => {
    const body = JSON.stringify({ key, instanceId })
    return `POST /v1/verify HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n${more}content-length: ${body.length}\r\n\r\n${body}`
  },
  /** Asks the database, whatever is in memory. */
  fresh: (key, instanceId) => requests.verify(key, instanceId, 'cache-control: no-cache\r\n'),
  authorize: (key, instanceId) => `GET /v1/authorize?instance=${instanceId} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n\r\n`,
}

const now = () => performance.now()
let keys = Buffer.alloc(0)
let inUse = 0
let seed = 1
/** A key by chance, always the same ones in the same order. */
const chance = () => {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) % inUse
}
let pick = chance
let connections = []
let free = []
/** What to do with a connection that has its answer. */
let goOn = (connection) => free.push(connection)
let took = []
let wrong = 0
let right = ''

/** Whether the text is a whole response. */
function isWhole(text) {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return false
  const size = /content-length: (\d+)/i.exec(text)
  return size ? text.length === head + 4 + Number(size[1]) : text.endsWith('\r\n0\r\n\r\n')
}

async function open(url, request) {
  const { hostname, port } = new URL(url)
  const buffer = Buffer.from(request('#'.repeat(length)))
  const at = buffer.indexOf('#')
  const connection = { since: 0, send: undefined, end: undefined }
  let text = ''
  const answered = (size, part) => {
    text += part.latin1Slice(0, size)
    if (!isWhole(text)) return true
    took.push(now() - connection.since)
    if (!text.startsWith('HTTP/1.1 200') || !text.includes(right)) wrong++
    text = ''
    goOn(connection)
    return true
  }
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer: Buffer.alloc(8_192), callback: answered } })
  socket.on('error', () => wrong++)
  connection.send = (since) => {
    const key = pick() * line
    keys.copy(buffer, at, key, key + length)
    connection.since = since
    socket.write(buffer)
  }
  connection.end = () => socket.destroy()
  await once(socket, 'connect')
  return connection
}

/** Sends on every connection while `more()`; done when all answers are there. */
function asFastAsTheyCome(more) {
  let under = connections.length
  return new Promise((resolve) => {
    goOn = (connection) => {
      if (more()) connection.send(now())
      else if (--under === 0) resolve()
    }
    for (const connection of connections) goOn(connection)
  })
}

/** Sends so many a second, whatever the answers take: a request counts from when it was due. */
function atPace(rate, until) {
  free = [...connections]
  goOn = (connection) => free.push(connection)
  let due = now()
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      for (; due < Math.min(now(), until) && free.length > 0; due += 1_000 / rate) free.pop().send(due)
      if (due < until || free.length < connections.length) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
}

const commands = {
  /** Opens connections, and asks for each of the first `warm` keys once. */
  open: async ({ url, file, kind, count, instanceId, expected, warm, connections: size }) => {
    keys = readFileSync(file)
    inUse = count
    right = expected
    connections = await Promise.all(Array.from({ length: size }, () => open(url, (key) => requests[kind](key, instanceId))))
    let next = 0
    pick = () => next++ % count
    await asFastAsTheyCome(() => next < warm)
    pick = chance
  },
  run: async ({ seconds, rate }) => {
    took = []
    wrong = 0
    const began = now()
    const until = began + seconds * 1_000
    await (rate ? atPace(rate, until) : asFastAsTheyCome(() => now() < until))
    const ended = now()
    took.sort((a, b) => a - b)
    const at = (q) => took[Math.floor(q * took.length)]
    return { requests: took.length, seconds: (ended - began) / 1_000, wrong, p50: at(0.5), p99: at(0.99) }
  },
  close: async () => {
    for (const connection of connections) connection.end()
    connections = []
  },
}

process.on('message', ({ command, ...input }) => {
  commands[command](input).then(
    (answer) => process.send({ answer: answer ?? null }),
    (error) => process.send({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())

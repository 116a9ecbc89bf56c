// Sends requests as fast as the answers come, over connections that stay, in a process of its own: raw sockets and requests that are built
// beforehand, so that the clients cost less than any server.
import { once } from 'node:events'
import { connect } from 'node:net'

const now = () => performance.now()
let requests = []
let next = 0
let connections = []
/** What to do with a connection that has its answer. */
let goOn = () => undefined
let took = []
let wrong = 0
/** The first answer that was wrong, to look at. */
let example = ''

/** With how many characters the response is whole; 0 if only its end says so, undefined while its head is not there. */
function lengthOf(text) {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return undefined
  const size = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))
  return size ? head + 4 + Number(size[1]) : 0
}

async function open(url) {
  const { hostname, port } = new URL(url)
  const connection = { since: 0, send: undefined, end: undefined }
  let text = ''
  let length
  let asked
  const answered = (size, part) => {
    text += part.latin1Slice(0, size)
    length ??= lengthOf(text)
    if (length === undefined || (length > 0 ? text.length < length : !text.endsWith('\r\n0\r\n\r\n'))) return true
    took.push(now() - connection.since)
    if (!text.startsWith('HTTP/1.1 200') || !text.includes(asked.expected) || text.includes('"errors"')) {
      wrong++
      example ||= text
    }
    text = ''
    length = undefined
    goOn(connection)
    return true
  }
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer: Buffer.alloc(65_536), callback: answered } })
  socket.on('error', () => wrong++)
  connection.send = () => {
    asked = requests[next++ % requests.length]
    connection.since = now()
    socket.write(asked.bytes)
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
      if (more()) connection.send()
      else if (--under === 0) resolve()
    }
    for (const connection of connections) goOn(connection)
  })
}

const commands = {
  /** Opens connections, and sends as many requests as `warm` says, in their order and then again. */
  open: async ({ url, asked, connections: size, warm }) => {
    requests = asked.map(({ text, expected }) => ({ bytes: Buffer.from(text), expected }))
    next = 0
    connections = await Promise.all(Array.from({ length: size }, () => open(url)))
    await asFastAsTheyCome(() => next < warm)
  },
  run: async ({ seconds }) => {
    took = []
    wrong = 0
    example = ''
    const began = now()
    const until = began + seconds * 1_000
    await asFastAsTheyCome(() => now() < until)
    const ended = now()
    took.sort((a, b) => a - b)
    const at = (q) => took[Math.floor(q * took.length)]
    return { requests: took.length, seconds: (ended - began) / 1_000, wrong, example, p50: at(0.5), p99: at(0.99) }
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

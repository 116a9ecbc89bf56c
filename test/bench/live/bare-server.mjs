// The limit: the same bytes to every socket, with nothing but ws.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

let version = 0
const http = createServer((request, response) => {
  if (request.url === '/change') {
    version++
    const counts = `{"active":${version},"expired":0,"orphaned":0,"revoked":0,"total":${version},"version":${version}}`
    const message = `{"id":"1","type":"next","payload":{"data":{"keyCounts":${counts}}}}`
    for (const socket of sockets.clients) socket.send(message)
  }
  response.end(String(version))
})
const sockets = new WebSocketServer({ server: http, path: '/graphql', perMessageDeflate: false })
http.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => process.send({ url: `http://127.0.0.1:${http.address().port}` }))

// The limit: node:http alone reads the same body and answers the same bytes.
import { createServer } from 'node:http'

const { HEADERS, ANSWER } = process.env
const headers = JSON.parse(HEADERS)
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (part) => {
    body += part
  })
  request.on('end', () => response.writeHead(body === '' ? 400 : 200, headers).end(ANSWER))
})
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))

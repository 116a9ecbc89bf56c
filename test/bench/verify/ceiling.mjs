// The ceiling: the route of this server, and behind it a table in memory by the SHA-256 of the key, of which nothing is ever taken back.
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createHttpServer } from '../../../dist/server/http.js'
import { answerText, withBody } from '../../../dist/server/lean.js'

const { KEYS, ANSWER } = process.env
const answer = JSON.parse(ANSWER)
const table = new Map()
for (const key of readFileSync(KEYS, 'latin1').trim().split('\n')) {
  table.set(hash('sha256', key, 'binary'), JSON.stringify({ ...answer, keyId: `key_${key.slice(5, 31)}` }))
}
const handle = (text, _request, response) => {
  const { key, instanceId } = JSON.parse(text)
  const found = table.get(hash('sha256', key, 'binary'))
  answerText(response, 200, found && instanceId === answer.instanceId ? found : '{"valid":false}')
}
const server = createHttpServer({}, new Map([['/v1/verify', (request, response) => withBody(request, response, 4_096, handle)]]), {
  addressOf: () => '',
  isFromProxy: () => false,
  keepAliveMs: 75_000,
})
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))

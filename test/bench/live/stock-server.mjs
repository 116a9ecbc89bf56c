// What the documented parts give: graphql-ws with Yoga's publish and subscribe, on the same small schema.
import { createServer } from 'node:http'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema } from 'graphql-yoga'
import { WebSocketServer } from 'ws'

const source = createPubSub()
const schema = createSchema({
  typeDefs: `
    type Query { hello: String }
    type KeyCounts { active: Int! expired: Int! orphaned: Int! revoked: Int! total: Int! version: Int! }
    type Subscription { keyCounts(appId: ID, instanceId: ID): KeyCounts! }`,
  resolvers: { Subscription: { keyCounts: { subscribe: (_root, { instanceId }) => source.subscribe(`counts:${instanceId}`), resolve: (counts) => counts } } },
})

let version = 0
const http = createServer((request, response) => {
  if (request.url?.startsWith('/change')) {
    version++
    const counts = { active: version, expired: 0, orphaned: 0, revoked: 0, total: version, version }
    source.publish(`counts:${new URL(request.url, 'http://localhost').searchParams.get('instance')}`, counts)
  }
  response.end(String(version))
})
useServer({ schema }, new WebSocketServer({ server: http, path: '/graphql', perMessageDeflate: false }))
http.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => process.send({ url: `http://127.0.0.1:${http.address().port}` }))

// What a team writes by hand that wants GraphQL to be fast: Fastify and Mercurius with its compiler of documents on, and SQL by hand in loaders.
import Fastify from 'fastify'
import { GraphQLScalarType } from 'graphql'
import mercurius from 'mercurius'
import { memberOf, pool } from '../http/checked.mjs'
import { createInOneStatement } from '../http/one-statement.mjs'

const schema = `
  scalar DateTime
  type Query { instance(id: ID!): AppInstance apps: [App!]! }
  type Mutation { createApiKey(input: CreateApiKeyInput!): CreateApiKeyPayload! }
  input CreateApiKeyInput { instanceId: ID! name: String! expiresInDays: Int! }
  type CreateApiKeyPayload { plaintext: String! apiKey: ApiKey! }
  type App { id: ID! name: String! instances(first: Int!): AppInstances! }
  type AppInstances { edges: [AppInstanceEdge!]! }
  type AppInstanceEdge { node: AppInstance! }
  type AppInstance { id: ID! name: String! status: String! keyCounts: KeyCounts! apiKeys(first: Int!): ApiKeys! }
  type KeyCounts { total: Int! active: Int! expired: Int! orphaned: Int! revoked: Int! }
  type ApiKeys { edges: [ApiKeyEdge!]! }
  type ApiKeyEdge { node: ApiKey! }
  type ApiKey { id: ID! name: String! hint: String! status: String! createdAt: DateTime! expiresAt: DateTime! createdBy: Member! }
  type Member { name: String! }`

const rowsOf = async (name, text, values) => (await pool.query({ name, text, values })).rows
const visible = `i.organization_id = $1 AND ($2 OR (i.deleted_at IS NULL AND EXISTS (SELECT FROM instance_access x WHERE x.instance_id = i.id AND x.member_id = $3)))`
const scopeOf = ({ member: { organizationId, all, memberId } }) => [organizationId, all, memberId]

/** A loader of one row for each parent, by the id that `idOf` reads. */
const byId = (name, text, idOf) => ({
  loader: async (queries) => {
    const rows = await rowsOf(name, text, [[...new Set(queries.map(({ obj }) => idOf(obj)))]])
    const found = new Map(rows.map((row) => [row.key, row]))
    return queries.map(({ obj }) => found.get(idOf(obj)))
  },
  // What is kept for the rest of a request is found by a hash of the whole parent, which costs more than it saves.
  opts: { cache: false },
})

/** A loader of a page of rows for each parent. */
const pageOf = (name, text, leading) => ({
  loader: async (queries, context) => {
    const rows = await rowsOf(name, text, [...leading(context), queries.map(({ obj }) => obj.id), queries[0].params.first])
    const edges = new Map(queries.map(({ obj }) => [obj.id, []]))
    for (const row of rows) edges.get(row.parent).push({ node: row })
    return queries.map(({ obj }) => ({ edges: edges.get(obj.id) }))
  },
  opts: { cache: false },
})

const loaders = {
  App: {
    instances: pageOf(
      'instances',
      `SELECT i.id, i.name, i.status, p.id AS parent FROM unnest($4::text[]) p(id) CROSS JOIN LATERAL (
         SELECT i.* FROM app_instance i WHERE i.app_id = p.id AND i.deleted_at IS NULL AND ${visible} ORDER BY i.name, i.id LIMIT $5) i ORDER BY i.name, i.id`,
      scopeOf,
    ),
  },
  AppInstance: {
    keyCounts: byId(
      'counts',
      'SELECT subject_id AS key, active + expired + orphaned AS total, active, expired, orphaned, revoked FROM key_count WHERE subject_id = ANY($1)',
      ({ id }) => id,
    ),
    apiKeys: pageOf(
      'keys',
      `SELECT k.id, k.name, k.hint, k.status, k.created_at AS "createdAt", k.expires_at AS "expiresAt", k.created_by_id AS "createdById", p.id AS parent
       FROM unnest($1::text[]) p(id) CROSS JOIN LATERAL (
         SELECT k.* FROM api_key k WHERE k.instance_id = p.id ORDER BY k.created_at DESC, k.id DESC LIMIT $2) k ORDER BY k.created_at DESC, k.id DESC`,
      () => [],
    ),
  },
  ApiKey: { createdBy: byId('creators', 'SELECT id AS key, name FROM member WHERE id = ANY($1)', ({ createdById }) => createdById) },
}

const resolvers = {
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (value) => value.toISOString() }),
  Query: {
    instance: async (_root, { id }, context) =>
      (await rowsOf('instance', `SELECT i.id, i.name, i.status FROM app_instance i WHERE i.id = $4 AND ${visible}`, [...scopeOf(context), id]))[0] ?? null,
    apps: (_root, _arguments, { member }) =>
      rowsOf('apps', 'SELECT id, name FROM app WHERE organization_id = $1 ORDER BY name, id LIMIT 200', [member.organizationId]),
  },
  Mutation: { createApiKey: (_root, { input }, { member }) => createInOneStatement(member, input) },
}

const app = Fastify({ keepAliveTimeout: 75_000 })
app.register(mercurius, { schema, resolvers, loaders, jit: 1, context: async ({ headers }) => ({ member: await memberOf(headers.authorization) }) })
process.send({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })

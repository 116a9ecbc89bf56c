// PostGraphile, as its documentation shows it, on the same tables. It asks nobody who they are: its schema shows every organization.
import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { jsonPgSmartTags } from 'postgraphile/utils'

const tags = {
  version: 1,
  config: {
    class: {
      // The tables do not say that counts belong to instances: rows of organizations and apps are there too.
      key_count: { tags: { foreignKey: '(subject_id) references app_instance (id)' } },
      // Its own type has this name.
      node: { tags: { name: 'server_node' } },
    },
    // What no index begins with is otherwise not for conditions.
    attribute: { 'app_instance.deleted_at': { tags: { behavior: '+attribute:filterBy' } } },
  },
}
const serving = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [jsonPgSmartTags(tags)],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ['public'], poolConfig: { max: 10 } })],
  grafserv: { graphiql: false, watch: false },
})
const server = createServer()
await serving.createServ(grafserv).addTo(server)
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))

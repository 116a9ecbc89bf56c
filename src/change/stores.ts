import { appStore } from '../apps/store.ts'
import { eventStore } from '../events/store.ts'
import { instanceStore } from '../instances/store.ts'
import { keyStore } from '../keys/store.ts'
import { memberStore } from '../members/store.ts'
import { organizationStore } from '../organizations/store.ts'
import type { Stores } from '../ports.ts'
import { secretStore } from '../secrets/store.ts'
import { sessionStore } from '../sessions/store.ts'
import type { Connection } from '../store/client.ts'

/** Every feature's store over the same client or transaction. */
export const createStores = (connection: Connection): Stores => ({
  organizations: organizationStore(connection),
  members: memberStore(connection),
  apps: appStore(connection),
  instances: instanceStore(connection),
  keys: keyStore(connection),
  secrets: secretStore(connection),
  events: eventStore(connection),
  sessions: sessionStore(connection),
})

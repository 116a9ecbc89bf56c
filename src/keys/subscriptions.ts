import { builder } from '../graphql/builder.ts'
import { openSource, received } from '../graphql/source.ts'
import { KeyCounts } from './schema.ts'
import { watchKeyCounts } from './watch-key-counts.ts'

builder.subscriptionField('keyCounts', (t) =>
  t.field({
    type: KeyCounts,
    description:
      "Current counts at once, then whenever a number changes. Neither argument: everything the viewer may see. Ends with NOT_FOUND when the subject leaves the viewer's scope.",
    args: {
      appId: t.arg.id({ description: 'The keys of this app.' }),
      instanceId: t.arg.id({ description: 'The keys of this instance.' }),
    },
    subscribe: (_root, subject, { ports, actor }) => openSource((signal) => watchKeyCounts(ports, actor, subject, signal)),
    resolve: (counts) => received(counts),
  }),
)

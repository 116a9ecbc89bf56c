import type { Propagation as PropagationShape } from '../ports.ts'
import { builder } from './builder.ts'

export const Propagation = builder.objectRef<PropagationShape>('Propagation').implement({
  description: 'How far the change had reached when this answer was sent: every node that was serving.',
  fields: (t) => ({
    nodes: t.exposeInt('nodes', { description: 'How many nodes were serving.' }),
    waitedMs: t.exposeInt('waitedMs', { description: 'How many milliseconds after the commit the last of them was known to follow it.' }),
  }),
})

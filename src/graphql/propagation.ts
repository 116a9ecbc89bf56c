import type { Propagation as PropagationShape } from '../ports.ts'
import { builder } from './builder.ts'

export const Propagation = builder.objectRef<PropagationShape>('Propagation').implement({
  description: 'The change is in force on every node when this response is sent. How long that took, and how many nodes served.',
  fields: (t) => ({
    nodes: t.exposeInt('nodes', { description: 'How many nodes served. Information only: the guarantee does not depend on it.' }),
    waitedMs: t.exposeInt('waitedMs', { description: 'Milliseconds that the response waited after the commit; 0 on the embedded database.' }),
  }),
})

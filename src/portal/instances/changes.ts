import { createSignal } from '../graphql/signal.ts'

const changes = createSignal()

/** Instances came or went by an action on this page. Returns how to stop. */
export const whenInstancesChange = changes.listen

export const instancesChanged = (): void => changes.tell()

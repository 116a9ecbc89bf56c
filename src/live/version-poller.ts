import type { Hub } from '../ports.ts'

/**
 * Tells the hub the versions of the organizations that are followed here, however they moved: one statement for all of them.
 * Called every half second, whatever the listener's state, so that no change stays unseen for longer.
 */
export const createVersionPoller =
  (hub: Pick<Hub, 'followed' | 'polled'>, versions: (organizationIds: readonly string[]) => Promise<{ id: string; version: bigint }[]>) =>
  async (): Promise<void> => {
    const followed = hub.followed()
    // What is read is at least as new as the moment before it was asked for, however long the answer takes.
    const askedAt = performance.now()
    hub.polled(followed.length === 0 ? [] : await versions(followed), askedAt)
  }

import type { Hub } from '../ports.ts'

/**
 * Tells the hub the versions of the organizations that are followed here, whatever moved them, with one statement.
 * Called every half second, whatever the listener's state, so that no change stays unseen for longer.
 */
export const createVersionPoller =
  (hub: Pick<Hub, 'followed' | 'polled'>, versions: (organizationIds: readonly string[]) => Promise<{ id: string; version: bigint }[]>) =>
  async (): Promise<void> => {
    const followed = hub.followed()
    // The rows are at least as new as this time, however long the statement takes.
    const askedAt = performance.now()
    hub.polled(followed.length === 0 ? [] : await versions(followed), askedAt)
  }

import { useCallback, useSyncExternalStore } from 'react'
import { createSignal } from '../graphql/signal.ts'

export interface Counts {
  readonly total: number
  readonly active: number
  readonly expired: number
  readonly orphaned: number
  readonly revoked: number
  readonly version: number
}

/** By the id of an app or instance; the organization's own stand under `all`. */
const counts = new Map<string, Counts>()
const changes = createSignal()

/** Counts come only from subscriptions, and only newer ones are taken: after a reconnect another node may be a moment behind. */
export function putCounts(id: string, next: Counts): void {
  if (next.version <= (counts.get(id)?.version ?? -1)) return
  counts.set(id, next)
  changes.tell()
}

/** For another person or organization, who may see other keys. */
export const forgetCounts = (): void => counts.clear()

/** Undefined until the first message. */
export const useCounts = (id: string | undefined): Counts | undefined =>
  useSyncExternalStore(
    changes.listen,
    useCallback(() => (id === undefined ? undefined : counts.get(id)), [id]),
  )

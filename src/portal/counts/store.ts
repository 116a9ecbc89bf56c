import { useCallback, useSyncExternalStore } from 'react'

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
const listeners = new Set<() => void>()

/** Counts come only from subscriptions, and only newer ones are taken: after a reconnect another node may be a moment behind. */
export function putCounts(id: string, next: Counts): void {
  if (next.version <= (counts.get(id)?.version ?? -1)) return
  counts.set(id, next)
  for (const listener of listeners) listener()
}

/** For another person or organization, who may see other keys. */
export const forgetCounts = (): void => counts.clear()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Undefined until the first message. */
export const useCounts = (id: string | undefined): Counts | undefined =>
  useSyncExternalStore(
    subscribe,
    useCallback(() => (id === undefined ? undefined : counts.get(id)), [id]),
  )

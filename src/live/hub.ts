import type { Hub } from '../ports.ts'

interface Watcher {
  wake(): void
}

/**
 * Wakes watchers of an organization. A watcher holds one bit, "something changed since you last looked": however slowly it reads,
 * it costs no more memory, and it always finds the newest state.
 */
export function createHub(): Hub {
  const organizations = new Map<string, Set<Watcher>>()
  let size = 0
  return {
    changed: (organizationId) => {
      for (const watcher of organizations.get(organizationId) ?? []) watcher.wake()
    },
    changedAll: () => {
      for (const watchers of organizations.values()) for (const watcher of watchers) watcher.wake()
    },
    watched: () => [...organizations.keys()],
    get size() {
      return size
    },
    ticks: (organizationId, signal) => {
      let dirty = true
      let done = false
      let waiting: ((result: IteratorResult<void>) => void) | null = null
      const answer = (result: IteratorResult<void>): boolean => {
        const take = waiting
        waiting = null
        take?.(result)
        return take !== null
      }
      const watcher: Watcher = {
        wake: () => {
          dirty = !answer({ done: false, value: undefined })
        },
      }
      const watchers = organizations.get(organizationId) ?? new Set()
      organizations.set(organizationId, watchers.add(watcher))
      size++
      const end = (): void => {
        if (done) return
        done = true
        size--
        watchers.delete(watcher)
        if (watchers.size === 0 && organizations.get(organizationId) === watchers) organizations.delete(organizationId)
        signal?.removeEventListener('abort', end)
        answer({ done: true, value: undefined })
      }
      if (signal?.aborted) end()
      else signal?.addEventListener('abort', end)
      return {
        [Symbol.asyncIterator]() {
          return this
        },
        next: () => {
          if (done) return Promise.resolve({ done: true, value: undefined })
          if (!dirty) return new Promise((resolve) => (waiting = resolve))
          dirty = false
          return Promise.resolve({ done: false, value: undefined })
        },
        return: () => {
          end()
          return Promise.resolve({ done: true, value: undefined })
        },
      }
    },
  }
}

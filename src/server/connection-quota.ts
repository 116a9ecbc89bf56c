/** When to retry what is refused until something else ends. */
export const untilOneEndsMs = 1_000

/** Counts the open sockets and event streams of each member on this node. */
export interface ConnectionQuota {
  /** Takes a place, and returns a function to free it; null if no place is left. */
  take(memberId: string): (() => void) | null
}

export function createConnectionQuota(perMember: number): ConnectionQuota {
  const counts = new Map<string, number>()
  return {
    take: (memberId) => {
      const count = counts.get(memberId) ?? 0
      if (count >= perMember) return null
      counts.set(memberId, count + 1)
      let isOpen = true
      return () => {
        if (!isOpen) return
        isOpen = false
        const left = (counts.get(memberId) ?? 1) - 1
        if (left === 0) counts.delete(memberId)
        else counts.set(memberId, left)
      }
    },
  }
}

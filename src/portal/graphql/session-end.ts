const listeners = new Set<() => void>()

/** Called by whatever the server refused for want of a session. Returns how to stop. */
export function whenSessionMayHaveEnded(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const sessionMayHaveEnded = (): void => {
  for (const listener of listeners) listener()
}

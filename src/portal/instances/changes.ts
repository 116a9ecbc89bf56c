const listeners = new Set<() => void>()

/** Instances came or went by an action on this page. Returns how to stop. */
export function whenInstancesChange(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export const instancesChanged = (): void => {
  for (const listener of listeners) listener()
}

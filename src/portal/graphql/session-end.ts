import { createSignal } from './signal.ts'

const ending = createSignal()

/** Called by whatever the server refused for want of a session. Returns how to stop. */
export const whenSessionMayHaveEnded = ending.listen

export const sessionMayHaveEnded = (): void => ending.tell()

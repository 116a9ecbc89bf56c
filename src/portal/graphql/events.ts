import { useEffect } from 'react'
import type { EventKind } from '../generated/operations.ts'

export interface Happened {
  readonly id: string
  readonly kind: EventKind
}

const listeners = new Set<(event: Happened | undefined) => void>()

/** Tells of an event of the organization; without one, that events may have been missed. */
export const happened = (event?: Happened): void => {
  for (const listener of listeners) listener(event)
}

/** Calls `listener` with each event, for as long as the component is there. */
export function useEvents(listener: (event: Happened | undefined) => void): void {
  useEffect(() => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }, [listener])
}

/** What a list of the page is about, by the beginning of the kinds of events that change it. */
type Subject = 'APP_' | 'MEMBER_' | 'INSTANCE_' | 'SECRET_' | 'API_KEY_' | ''

/** Reads a list anew when something happens that may change it, at most four times a second. `subjects` is one constant array. */
export function useFresh(subjects: readonly Subject[], refresh: () => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const listener = (event: Happened | undefined) => {
      if (event && !subjects.some((subject) => event.kind.startsWith(subject))) return
      timer ??= setTimeout(() => {
        timer = undefined
        refresh()
      }, 250)
    }
    listeners.add(listener)
    return () => {
      clearTimeout(timer)
      listeners.delete(listener)
    }
  }, [subjects, refresh])
}

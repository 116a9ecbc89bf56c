import { useCallback, useEffect } from 'react'
import type { EventKind } from '../generated/operations.ts'
import { createSignal } from './signal.ts'
import { useSoon } from './use-soon.ts'

export interface Happened {
  readonly id: string
  readonly kind: EventKind
}

const events = createSignal<Happened | undefined>()

/** Tells of an event of the organization; without one, that events may have been missed. */
export const happened = (event?: Happened): void => events.tell(event)

/** Calls `listener` with each event, for as long as the component is there. */
export function useEvents(listener: (event: Happened | undefined) => void): void {
  useEffect(() => events.listen(listener), [listener])
}

/** What a list of the page is about, by the beginning of the kinds of events that change it. */
type Subject = 'APP_' | 'MEMBER_' | 'INSTANCE_' | 'SECRET_' | 'API_KEY_' | ''

/** Reads a list anew soon after something happens that may change it. `subjects` is one constant array. */
export function useFresh(subjects: readonly Subject[], refresh: () => void): void {
  const soon = useSoon(refresh)
  useEvents(
    useCallback(
      (event) => {
        if (!event || subjects.some((subject) => event.kind.startsWith(subject))) soon()
      },
      [subjects, soon],
    ),
  )
}

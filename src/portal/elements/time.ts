import { useSyncExternalStore } from 'react'

export const minute = 60_000
export const day = 86_400_000

let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function follow(listener: () => void): () => void {
  listeners.add(listener)
  if (timer === undefined) {
    now = Date.now()
    timer = setInterval(() => {
      now = Date.now()
      for (const each of listeners) each()
    }, minute / 2)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The time, half a minute coarse: one clock for the page, so that all that is relative changes together. */
export const useNow = (): number => useSyncExternalStore(follow, () => now)

const count = (value: number, unit: string): string => `${value} ${unit}${value === 1 ? '' : 's'}`

/** How long: `3 min`, `2 hours`, `48 days`. */
export function lengthOf(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / minute)
  if (minutes < 60) return `${Math.max(minutes, 1)} min`
  if (minutes < 48 * 60) return count(Math.floor(minutes / 60), 'hour')
  return count(Math.floor(milliseconds / day), 'day')
}

export function ago(time: string, now: number): string {
  const passed = now - Date.parse(time)
  return passed < minute ? 'just now' : `${lengthOf(passed)} ago`
}

/** `Nov 24`, with the year where it is another. */
export function dateOf(time: string | number, now: number): string {
  const date = new Date(time)
  const sameYear = date.getFullYear() === new Date(now).getFullYear()
  return date.toLocaleDateString('en-US', { month: 'short', day: 'numeric', ...(sameYear ? {} : { year: 'numeric' }) })
}

/** The moment in UTC, to the second. */
export const exactly = (time: string): string => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** The moment on the reader's clock, in words, and of which zone: `Tuesday, January 26, 2027, 23:59` and `Europe/Berlin, UTC+1`. */
export function inWords(time: number): { moment: string; zone: string } {
  const date = new Date(time)
  const moment = date.toLocaleString('en-US', {
    weekday: 'long',
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  const offset = new Intl.DateTimeFormat('en-US', { timeZoneName: 'shortOffset' }).formatToParts(date).find(({ type }) => type === 'timeZoneName')?.value
  const utc = (offset ?? 'UTC').replace('GMT', 'UTC')
  return { moment: moment.replace(' at ', ', '), zone: timeZone === 'UTC' ? 'UTC' : `${timeZone}, ${utc}` }
}

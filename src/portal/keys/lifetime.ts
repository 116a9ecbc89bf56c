import { day } from '../elements/time.ts'

/** Days from the moment of creation, or a day of the calendar (`2027-01-26`), not picked yet where null. */
export type Lifetime = { readonly days: number } | { readonly date: string | null }

export const presets = [7, 30, 60, 90] as const

/** When a key would end. A picked day ends at its end on the reader's own clock, whatever the zone. */
export function endOf(lifetime: Lifetime, now: number): number | undefined {
  if ('days' in lifetime) return now + lifetime.days * day
  if (lifetime.date === null) return undefined
  const [year = 0, month = 1, date = 1] = lifetime.date.split('-').map(Number)
  // Before the next day, and not at 23:59: where clocks go back at midnight, a day has that twice.
  return new Date(year, month - 1, date + 1).getTime() - 1
}

const calendarDay = (time: Date): string => [time.getFullYear(), time.getMonth() + 1, time.getDate()].map((part) => String(part).padStart(2, '0')).join('-')

/** The days that can be picked: from today to the last whose end the server still accepts. */
export function pickable(maxDays: number, now: number): { first: string; last: string } {
  const last = new Date(now + maxDays * day)
  // The end of that day would be beyond the maximum.
  last.setDate(last.getDate() - 1)
  return { first: calendarDay(new Date(now)), last: calendarDay(last) }
}

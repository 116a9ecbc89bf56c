import { rate, reuseMs } from '../../src/verification/moment.ts'
import type { ClockAhead, CreatedKey, Denial, Entry, Verification } from './history.ts'

/** `rule`: which promise was broken. */
export interface Violation {
  readonly rule: 'valid after a denial' | 'valid after its end' | 'a live key refused' | 'something acknowledged lost' | 'a denial refused'
  readonly text: string
}

/** The times of keys, of the database and of whoever looks on are the same clock of this machine, read as whole milliseconds and a moment apart. */
const slackMs = 5
/** A node that uses a mark again counts the time of its statement as passed, and so may end a key this much early. */
const earlyMs = (1 - rate) * reuseMs

const isDone = ({ end }: Denial, { begin }: Verification): boolean => end !== null && end < begin
const mayBeDone = ({ begin }: Denial, verification: Verification): boolean => begin < (verification.end ?? Number.POSITIVE_INFINITY)

/** Whether some node could already think that the key is over: what one of them stored, all of them read. */
function someClockIsPast({ endsAt, begin }: CreatedKey, moment: number, ahead: readonly ClockAhead[]): boolean {
  if (moment + slackMs + earlyMs >= endsAt) return true
  return ahead.some((clock) => {
    const last = Math.min(clock.end ?? moment, moment)
    return clock.begin <= moment && last >= begin && last + clock.aheadMs + slackMs >= endsAt
  })
}

/** What a node may say of a key: what was true at some moment of the verification. A key that was denied stays so, and never reads as over. */
function allowed(key: CreatedKey, denials: readonly Denial[], ahead: readonly ClockAhead[], verification: Verification): Set<string> {
  const codes = new Set<string>()
  const [revocations, orphanings] = [denials.filter(({ by }) => by === 'revocation'), denials.filter(({ by }) => by !== 'revocation')]
  const done = (some: readonly Denial[]): boolean => some.some((denial) => isDone(denial, verification))
  const possible = (some: readonly Denial[]): boolean => some.some((denial) => mayBeDone(denial, verification))
  if (possible(revocations)) codes.add('REVOKED')
  if (possible(orphanings) && !done(revocations)) codes.add('ORPHANED')
  if (done(denials)) return codes
  if (verification.begin <= key.endsAt + slackMs) codes.add('VALID')
  if (someClockIsPast(key, verification.end ?? verification.begin, ahead)) codes.add('EXPIRED')
  return codes
}

function ruleOf(key: CreatedKey, denials: readonly Denial[], verification: Verification): Violation['rule'] {
  const isDenied = denials.some((denial) => isDone(denial, verification))
  if (verification.outcome === 'VALID') return isDenied ? 'valid after a denial' : 'valid after its end'
  if (isDenied || !['REVOKED', 'ORPHANED', 'EXPIRED'].includes(verification.outcome ?? '') || verification.begin > key.endsAt)
    return 'something acknowledged lost'
  return 'a live key refused'
}

/**
 * Every way in which a history breaks what the server promises. What was not answered may have happened or not; a verification without an answer, or
 * with a 503, says nothing. A node whose time of day is ahead may end a key so much early; else by less than a mark is good.
 */
export function check(history: readonly Entry[]): Violation[] {
  const keys = new Map<string, CreatedKey>()
  const denialsOf = new Map<string, Denial[]>()
  const ahead: ClockAhead[] = []
  const violations: Violation[] = []
  for (const entry of history) {
    if (entry.kind === 'created') keys.set(entry.key, entry)
    if (entry.kind === 'clock') ahead.push(entry)
    if (entry.kind !== 'denial') continue
    for (const key of entry.keys) denialsOf.set(key, [...(denialsOf.get(key) ?? []), entry])
    if (entry.refused) violations.push({ rule: 'a denial refused', text: `${entry.by} of ${entry.keys} at ${entry.begin.toFixed(1)}: ${entry.refused}` })
  }
  for (const entry of history) {
    if (entry.kind !== 'verification' || entry.outcome === null) continue
    const key = keys.get(entry.key)
    // Nobody asks for a key whose creation was not answered.
    if (!key) throw new Error(`the history has no creation of ${entry.key}`)
    const denials = denialsOf.get(entry.key) ?? []
    if (allowed(key, denials, ahead, entry).has(entry.outcome)) continue
    violations.push({ rule: ruleOf(key, denials, entry), text: describe(key, denials, entry) })
  }
  return violations
}

/** What is needed to understand it, with times counted from the creation's answer. */
function describe(key: CreatedKey, denials: readonly Denial[], { node, outcome, begin, end }: Verification): string {
  const at = (time: number | null): string => (time === null ? 'no answer' : (time - key.end).toFixed(1))
  const told = denials.map((denial) => `${denial.by} ${at(denial.begin)} to ${at(denial.end)}`)
  return `${key.key} ends at ${at(key.endsAt)}; ${told.join(', ') || 'no denial'}; node ${node} said ${outcome} from ${at(begin)} to ${at(end)}`
}

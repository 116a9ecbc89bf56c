import type { Clock, Log, Metrics } from '../ports.ts'

const minuteMs = 60_000
/** Lines of one cause and one caller in a minute: an operator examines refusals, each with its request. */
export const maxRefusalLines = 200
/** Failures of one cause are alike: the first show where, the count shows how many. */
export const maxFailureLines = 10
/** Lines of one cause in one answer: as many as a mutation may have root fields, each of which is its own attempt. */
const maxLinesPerAnswer = 5
/** Causes and callers that are distinguished in one minute; beyond it only messages. */
export const maxCauses = 1_000

type Level = keyof Log
type Fields = Readonly<Record<string, unknown>>

interface Line {
  readonly fields: Fields
  /** The root field that was refused. */
  readonly root: unknown
  count: number
}

/** Lines of one cause from one request in one turn of the loop: the errors of an answer are all masked in one. */
interface Batch {
  readonly level: Level
  readonly message: string
  readonly cause: Fields
  readonly lines: Line[]
}

interface Cause {
  readonly level: Level
  readonly message: string
  readonly cause: Fields
  lines: number
  leftOut: number
}

export interface SampledLog extends Log {
  /** When the minute is over, logs how many lines it left out. */
  tell(): void
  /** The same, but at once. */
  close(): void
}

/** Omits undefined fields. */
const known = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/**
 * A log that no caller can fill. The same cause in one root field of an answer is one line with a count. Lines of one cause and one caller (a member
 * or an address) are limited per minute; more are only counted, and one line gives their number when the minute is over.
 * The cause is the message with `code`, `error` and the place in the code; callers can choose no part of it.
 */
export function createSampledLog(log: Log, clock: Clock, metrics: Pick<Metrics, 'linesLeftOut'>): SampledLog {
  let minute = 0
  let causes = new Map<string, Cause>()
  let batches = new Map<string, Batch>()

  function close(): void {
    write()
    const over = causes
    causes = new Map()
    for (const { level, message, cause, leftOut } of over.values()) if (leftOut > 0) log[level]({ of: message, ...cause, leftOut }, 'lines were left out')
  }

  function tell(): void {
    const now = Math.floor(clock.now().getTime() / minuteMs)
    if (now !== minute && causes.size > 0) close()
    minute = now
  }

  function causeOf({ level, message, cause }: Batch): Cause {
    const key = JSON.stringify([level, message, cause])
    const isNew = !causes.has(key) && causes.size >= maxCauses
    const told = isNew ? JSON.stringify([level, message]) : key
    const found = causes.get(told) ?? { level, message, cause: isNew ? {} : cause, lines: 0, leftOut: 0 }
    causes.set(told, found)
    return found
  }

  function write(): void {
    const written = batches
    batches = new Map()
    for (const batch of written.values()) {
      const cause = causeOf(batch)
      const most = batch.level === 'info' ? maxRefusalLines : maxFailureLines
      for (const [index, { fields, count }] of batch.lines.entries()) {
        if (index < maxLinesPerAnswer && cause.lines < most) {
          cause.lines++
          log[batch.level](count > 1 ? { ...fields, count } : fields, batch.message)
        } else {
          cause.leftOut += count
          metrics.linesLeftOut(count)
        }
      }
    }
  }

  const note =
    (level: Level) =>
    (fields: Fields, message: string): void => {
      tell()
      const { code, error, stack, memberId, address, requestId } = fields
      const place = Array.isArray(stack) ? String(stack[0]).trim() : undefined
      const cause = known({ code, error, place, memberId, address })
      if (batches.size === 0) queueMicrotask(write)
      const key = JSON.stringify([level, message, cause, requestId])
      const batch = batches.get(key) ?? { level, message, cause, lines: [] }
      batches.set(key, batch)
      const root = String(fields['field'] ?? '').split('.', 1)[0]
      const count = typeof fields['count'] === 'number' ? fields['count'] : 1
      const like = batch.lines.find((line) => line.root === root) ?? (batch.lines.length > maxLinesPerAnswer ? batch.lines.at(-1) : undefined)
      if (like) like.count += count
      else batch.lines.push({ fields, root, count })
    }

  return { info: note('info'), warn: note('warn'), error: note('error'), tell, close }
}

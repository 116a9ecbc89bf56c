import type { Clock, Log, Metrics } from '../ports.ts'

const minuteMs = 60_000
/** Lines of one cause and one caller in a minute: refusals are what an operator looks into, each with its request. */
export const maxRefusalLines = 200
/** Failures of one cause are alike: the first tell where, the number tells how much. */
export const maxFailureLines = 10
/** Lines of one cause in one answer, when it is a refusal: as many as a mutation has root fields, each of which is an attempt of its own. */
const maxLinesPerAnswer = 5
/** Causes and callers that are told apart in one minute; beyond it causes alone are. */
export const maxCauses = 1_000

type Level = keyof Log
type Fields = Readonly<Record<string, unknown>>

interface Line {
  readonly fields: Fields
  /** The root field that was refused. */
  readonly root: unknown
  count: number
}

/** The lines of one cause that one request made in one turn of the loop: an answer's errors are all masked in one. */
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
  /** Tells how many lines the minute left out, once it is over. */
  tell(): void
  /** The same, whether it is over or not. */
  close(): void
}

/** Without what is not there. */
const known = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/**
 * A log that no caller can fill. What has the same cause in one answer is one line with a count. What has the same cause and the same caller, a member
 * or an address, is written so often in a minute; then it is counted, and one line tells the number when the minute is over.
 * The cause is the message with `code`, `error` and the place in the code; none of them is the caller's to choose.
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

import { badInput } from '../errors.ts'
import { builder } from './builder.ts'

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i
// Year 0 is 1 BC in PostgreSQL, which Prisma cannot write; both support every date between these two.
const earliest = Date.parse('0001-01-01T00:00:00Z')
const latest = Date.UTC(10_000, 0, 1)

function parseDateTime(value: unknown): Date {
  const match = typeof value === 'string' ? rfc3339.exec(value) : null
  if (!match) throw badInput('DateTime', 'must be a date and time with a zone, such as 2026-12-31T23:59:59Z')
  const [, year, month, day, hour, minute, second] = match.map(Number) as [number, number, number, number, number, number, number]
  // Date.parse moves the 30th of February to March: the fields must survive the round trip.
  const calendar = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  const real = calendar.getUTCMonth() === month - 1 && calendar.getUTCDate() === day && calendar.getUTCHours() === hour
  const instant = new Date(Date.parse(match[0]))
  if (!real || second > 59 || minute > 59 || !(instant.getTime() >= earliest && instant.getTime() < latest)) {
    throw badInput('DateTime', 'is not a date of the calendar')
  }
  return instant
}

builder.scalarType('DateTime', {
  description: 'A timestamp in RFC 3339: output is in UTC with milliseconds; input needs a zone.',
  serialize: (value) => value.toISOString(),
  parseValue: parseDateTime,
})

builder.scalarType('Version', {
  description: 'A position in the changes of an organization, from 0 to 2^53-1; it only grows.',
  serialize: (value) => Number(value),
  parseValue: (value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw badInput('Version', 'must be a whole number from 0 to 2^53-1')
    return BigInt(value)
  },
})

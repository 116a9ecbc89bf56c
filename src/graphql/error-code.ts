import type { ErrorCode } from '../errors.ts'
import { builder } from './builder.ts'

const codes = {
  UNAUTHENTICATED: { description: 'No valid credential of a member, or no organization was named.' },
  FORBIDDEN: { description: 'The viewer may see it, but not do this.' },
  NOT_FOUND: { description: 'There is nothing with this id that the viewer may see.' },
  CONFLICT: { description: 'Something else has the name, or the state has changed.' },
  BAD_USER_INPUT: { description: 'A value is not allowed; `extensions.field` is its path inside the input.' },
  QUERY_REJECTED: { description: 'The request or its document is not valid, or exceeds a limit.' },
  RATE_LIMITED: { description: 'Too many, in a minute or at once; `extensions.retryAfterMs` is the time to wait.' },
  RESYNC: { description: 'The changes since this version are not all there: read the current state, and follow from its version.' },
  UNAVAILABLE: { description: 'The database is busy or out of reach; a change may or may not have been made.' },
  INTERNAL: { description: 'A failure of the server; `extensions.requestId` finds it in the log.' },
} as const satisfies Readonly<Record<ErrorCode, { description: string }>>

export const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'Every `extensions.code` that an error can have.',
  values: codes,
})

import { Icon as IconAlertTriangle } from 'virtual:icon/alert-triangle'
import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import type { CombinedError } from 'urql'
import { refusalOf } from '../graphql/refusal.ts'

interface Props {
  readonly title: string
  readonly children?: ReactNode
  readonly onRetry: (() => void) | undefined
}

/** What went wrong, and what to do about it. */
export const Problem = ({ title, children, onRetry }: Props) => (
  <div className="notice notice-red" role="alert">
    <IconAlertTriangle size={18} stroke={1.8} />
    <p>
      <strong>{title}.</strong> {children}
    </p>
    {onRetry && (
      <Button size="compact-sm" variant="default" onClick={onRetry}>
        Try again
      </Button>
    )}
  </div>
)

/** What the server refused or failed at, with the number under which its log has it. */
export function ServerProblem({ title, error, onRetry }: { title: string; error: CombinedError; onRetry?: () => void }) {
  const { message, requestId } = refusalOf(error)
  return (
    <Problem title={title} onRetry={onRetry}>
      {message} {requestId && <span className="request-id">Request {requestId}</span>}
    </Problem>
  )
}

import { Button } from '@mantine/core'
import { useEffect, useState } from 'react'
import { Dialog } from '../elements/dialog.tsx'
import { Problem } from '../elements/problem.tsx'
import { ago, useNow } from '../elements/time.ts'
import { sessionMayHaveEnded } from '../graphql/session-end.ts'
import { type OwnSession, ownSessions, signOutEverywhere } from './session.ts'

/** Where the person is signed in, and the way out of all of it. */
export function SessionsDialog({ onClose }: { onClose: () => void }) {
  const now = useNow()
  const [sessions, setSessions] = useState<readonly OwnSession[]>()
  const [error, setError] = useState<string>()
  const failed = (failure: Error) => setError(failure.message)
  // biome-ignore lint/correctness/useExhaustiveDependencies: read once, when it opens
  useEffect(() => void ownSessions().then(setSessions, failed), [])
  return (
    <Dialog title="Your sessions" onClose={onClose}>
      {error && (
        <Problem title="That did not work" onRetry={undefined}>
          {error}
        </Problem>
      )}
      {!sessions && !error && <p role="status">Loading …</p>}
      {sessions && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a long list scrolls, and must do so by keys
        <ul className="revoke-list" tabIndex={0} aria-label="Sessions">
          {sessions
            .toSorted((a, b) => Number(b.isThis) - Number(a.isThis))
            .map((each) => (
              <li key={each.id}>
                <strong>{each.organization.name}</strong> {each.isThis && 'this browser'}
                <span>
                  signed in {ago(each.signedInAt, now)}, used {ago(each.usedAt, now)}
                </span>
              </li>
            ))}
        </ul>
      )}
      <div className="dialog-foot">
        <Button variant="default" data-autofocus onClick={onClose}>
          Close
        </Button>
        <Button color="danger" onClick={() => void signOutEverywhere().then(sessionMayHaveEnded, failed)}>
          Sign out everywhere
        </Button>
      </div>
    </Dialog>
  )
}

import { Button } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { CombinedError } from 'urql'
import { copyText } from '../elements/copy-text.ts'
import { Dialog } from '../elements/dialog.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { PortalRevealSecretDocument, type SecretRowFragment } from '../generated/operations.ts'
import { sendOnce } from '../graphql/send-once.ts'

const shownForSeconds = 60

/** Asks first, since the audit log records each reveal; then shows the value for a minute. */
export function RevealDialog({ secret, onClose }: { secret: SecretRowFragment; onClose: () => void }) {
  const text = useRef<HTMLElement>(null)
  const [shown, setShown] = useState<{ value: string; until: number }>()
  const [left, setLeft] = useState(shownForSeconds)
  const [busy, setBusy] = useState(false)
  const [copied, setCopied] = useState<boolean>()
  const [error, setError] = useState<CombinedError>()
  const reveal = async () => {
    setBusy(true)
    setError(undefined)
    await sendOnce(PortalRevealSecretDocument, { input: { id: secret.id } })
      .then(({ revealSecret }) => revealSecret && setShown({ value: revealSecret.value, until: Date.now() + shownForSeconds * 1000 }))
      .catch(setError)
    setBusy(false)
  }
  useEffect(() => {
    if (shown === undefined) return
    const timer = setInterval(() => {
      const seconds = Math.ceil((shown.until - Date.now()) / 1000)
      if (seconds > 0) setLeft(seconds)
      else onClose()
    }, 500)
    return () => clearInterval(timer)
  }, [shown, onClose])
  return (
    <Dialog title={`Reveal ${secret.name}`} size={540} onClose={busy ? undefined : onClose}>
      {shown === undefined ? (
        <p>The value is shown for a minute. The audit log records that you saw it.</p>
      ) : (
        <>
          <code ref={text} className="plaintext" translate="no">
            {shown.value}
          </code>
          {copied === false && (
            <p className="field-error" role="alert">
              Your browser did not copy it. The value is selected: press Ctrl C (⌘ C on a Mac).
            </p>
          )}
        </>
      )}
      {error && <ServerProblem title="The secret was not revealed" error={error} />}
      <div className="dialog-foot">
        {shown !== undefined && <span className="hint">Hidden in {left} seconds.</span>}
        <Button variant="default" data-autofocus disabled={busy} onClick={onClose}>
          {shown === undefined ? 'Cancel' : 'Close'}
        </Button>
        {shown === undefined ? (
          <Button loading={busy} onClick={() => void reveal()}>
            Reveal
          </Button>
        ) : (
          <Button onClick={async () => setCopied(text.current !== null && (await copyText(text.current)))}>{copied ? 'Copied' : 'Copy'}</Button>
        )}
      </div>
    </Dialog>
  )
}

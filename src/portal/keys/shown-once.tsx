import { Icon as IconAlertTriangle } from 'virtual:icon/alert-triangle'
import { Icon as IconCheck } from 'virtual:icon/check'
import { Icon as IconCopy } from 'virtual:icon/copy'
import { Icon as IconDeviceFloppy } from 'virtual:icon/device-floppy'
import { Button } from '@mantine/core'
import { useRef, useState } from 'react'
import { copyText } from '../elements/copy-text.ts'
import { Dialog } from '../elements/dialog.tsx'
import { Facts } from '../elements/facts.tsx'
import { inWords } from '../elements/time.ts'
import { NewSecretDialog } from '../secrets/new-secret-dialog.tsx'
import type { CreatedKey } from './use-create-key.ts'
import { useStay } from './use-stay.ts'

/** The text of a new key, this once. Only its button closes it, and that asks if the text was kept nowhere. */
export function ShownOnce({ created: { plaintext, saveToken, key }, onClose }: { created: CreatedKey; onClose: () => void }) {
  const text = useRef<HTMLElement>(null)
  const [copied, setCopied] = useState<boolean>()
  const [secret, setSecret] = useState<string>()
  const [saving, setSaving] = useState(false)
  const [asking, setAsking] = useState(false)
  const kept = copied === true || secret !== undefined
  const close = () => (kept ? onClose() : setAsking(true))
  useStay(() => (saving ? setSaving(false) : close()), { asks: !kept })
  const { moment, zone } = inWords(Date.parse(key.expiresAt))
  return (
    <>
      <Dialog title="API key created" size={540} onClose={undefined} onEscape={saving ? undefined : close}>
        <div className="notice notice-amber">
          <IconAlertTriangle size={18} stroke={1.8} />
          <p>
            <strong>Copy it now.</strong> The key is shown only this once.
          </p>
        </div>
        {/* Text and not a field: browsers offer to remember fields. A click selects all of it (CSS); the button beneath copies for keyboards. */}

        <code ref={text} className="plaintext" translate="no">
          {plaintext}
        </code>
        <div className="halves">
          <Button
            data-autofocus
            leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} stroke={1.8} />}
            onClick={async () => setCopied(text.current !== null && (await copyText(text.current)))}
          >
            {copied ? 'Copied' : 'Copy API Key'}
          </Button>
          <Button variant="default" disabled={secret !== undefined} leftSection={<IconDeviceFloppy size={16} stroke={1.8} />} onClick={() => setSaving(true)}>
            Save As Secret
          </Button>
        </div>
        {copied === false && (
          <p className="field-error" role="alert">
            Your browser did not copy it. The key is selected: press Ctrl C (⌘ C on a Mac).
          </p>
        )}
        <Facts
          facts={[
            ['Name', key.name],
            ['Opens', `${key.instance.name}, ${key.app.name}`],
            ['Expires', `${moment} (${zone})`],
          ]}
        />
        {asking && !kept ? (
          <div className="dialog-foot dialog-question" role="alert">
            <span>You have neither copied nor saved this key. It can't be shown again.</span>
            <Button variant="default" onClick={() => setAsking(false)}>
              Keep it open
            </Button>
            <Button color="danger" onClick={onClose}>
              Close anyway
            </Button>
          </div>
        ) : (
          <div className="dialog-foot">
            <span className="hint" role="status">
              {secret ? `Saved as secret ${secret}.` : copied ? 'Copied.' : 'Not copied or saved yet.'}
            </span>
            <Button variant="default" onClick={close}>
              Close
            </Button>
          </div>
        )}
      </Dialog>
      {saving && (
        <NewSecretDialog
          saveToken={saveToken}
          suggestion={key.name}
          onClose={() => setSaving(false)}
          onSaved={(name) => {
            setSecret(name)
            setSaving(false)
          }}
        />
      )}
    </>
  )
}

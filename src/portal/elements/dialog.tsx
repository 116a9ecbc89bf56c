import { Modal } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'

interface Props {
  readonly title: string
  readonly size?: number
  /** Called by the cross, Escape and a click outside. Without it only the dialog's own buttons close it. */
  readonly onClose: (() => void) | undefined
  /** What Escape asks for where it may not close. */
  readonly onEscape?: () => void
  readonly children: ReactNode
}

/**
 * A dialog, open as long as it is rendered. It is made of Mantine's parts without its title bar, a second `<header>` of the page; and without its
 * lock of the scroll bar, an inserted `<style>` that the Content-Security-Policy refuses (CSS does that).
 */
export function Dialog({ title, size = 480, onClose, onEscape, children }: Props) {
  const keepsFocus = useKeptFocus()
  useFocusReturn()
  useEffect(() => {
    if (!onEscape) return
    const ask = (event: KeyboardEvent) => event.key === 'Escape' && !event.isComposing && onEscape()
    // While it goes down, as Mantine's: the Escape that closes a dialog above this one must not be heard again on its way up.
    addEventListener('keydown', ask, { capture: true })
    return () => removeEventListener('keydown', ask, { capture: true })
  }, [onEscape])
  return (
    <Modal.Root
      opened
      onClose={onClose ?? (() => undefined)}
      size={size}
      centered
      lockScroll={false}
      returnFocus={false}
      closeOnClickOutside={onClose !== undefined}
      closeOnEscape={onClose !== undefined}
      transitionProps={{ duration: 0 }}
    >
      <Modal.Overlay backgroundOpacity={0.55} />
      <Modal.Content ref={keepsFocus}>
        <Modal.Body>
          <div className="dialog-title">
            <Modal.Title>{title}</Modal.Title>
            {onClose && <Modal.CloseButton aria-label="Close the dialog" />}
          </div>
          {children}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}

/** The keyboard stays in the dialog when what had it goes or is disabled: browsers then leave it nowhere. */
function useKeptFocus(): (content: HTMLElement | null) => void {
  // It is there only a moment after the component.
  const [dialog, setDialog] = useState<HTMLElement | null>(null)
  useEffect(() => {
    if (!dialog) return
    const watch = new MutationObserver(() => {
      const at = document.activeElement
      const isLost = at === null || at === document.body || at === dialog || (dialog.contains(at) && at.matches(':disabled'))
      if (isLost) (dialog.querySelector<HTMLElement>('[data-autofocus]:not(:disabled)') ?? dialog).focus()
    })
    watch.observe(dialog, { childList: true, subtree: true, attributeFilter: ['disabled'] })
    return () => watch.disconnect()
  }, [dialog])
  return setDialog
}

let dialogs = 0
let opener: Element | null = null
let returning: ReturnType<typeof setTimeout> | undefined

/**
 * After the last dialog the keyboard is where the first was opened, or at the page's title if that is gone. Mantine's own return needs a dialog that stays
 * rendered while it is closed, and does not know that one dialog follows another.
 */
function useFocusReturn(): void {
  const [before] = useState(() => document.activeElement)
  useEffect(() => {
    if (dialogs++ === 0 && returning === undefined) opener = before
    clearTimeout(returning)
    returning = undefined
    return () => {
      dialogs--
      returning = setTimeout(() => {
        returning = undefined
        if (document.activeElement === document.body) giveFocus(dialogs === 0 ? opener : before)
      })
    }
  }, [before])
}

const toTitle = (): void => document.getElementById('page-title')?.focus()

/** The row of a key that was revoked may go only a moment after the dialog: the keyboard then goes to the title too. */
function giveFocus(target: Element | null): void {
  if (!(target instanceof HTMLElement && target.isConnected)) {
    toTitle()
    return
  }
  target.focus()
  const watch = new MutationObserver(() => {
    const isLost = !target.isConnected && document.activeElement === document.body
    if (target.isConnected && document.activeElement === target) return
    watch.disconnect()
    if (isLost) toTitle()
  })
  watch.observe(document.body, { childList: true, subtree: true })
}

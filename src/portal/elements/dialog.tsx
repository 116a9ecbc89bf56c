import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'

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
  return (
    <Modal.Root
      opened
      onClose={onClose ?? (() => undefined)}
      size={size}
      centered
      lockScroll={false}
      closeOnClickOutside={onClose !== undefined}
      closeOnEscape={onClose !== undefined}
      transitionProps={{ duration: 0 }}
    >
      <Modal.Overlay backgroundOpacity={0.55} />
      <Modal.Content onKeyDown={(event) => event.key === 'Escape' && onClose === undefined && onEscape?.()}>
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

import { type ReactNode, useEffect, useId, useRef, useState } from 'react'

interface Props {
  readonly text: string
  readonly className?: string
  /** Whether it is a stop for the keyboard itself: what it wraps is none. */
  readonly focusable?: boolean
  readonly children: ReactNode
}

/**
 * More about what it wraps: on hover, on focus, and on touch by the focus that follows. It goes by Escape, and stays while the pointer is over it. The
 * browser draws it above everything, so that no scrolling table cuts it off.
 */
export function Tip({ text, className, focusable = false, children }: Props) {
  const id = useId()
  const [open, setOpen] = useState(false)
  const around = useRef<HTMLSpanElement>(null)
  const tip = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    if (!open || !around.current || !tip.current) return
    tip.current.showPopover()
    const place = around.current.getBoundingClientRect()
    const size = tip.current.getBoundingClientRect()
    const left = place.left + place.width / 2 - size.width / 2
    tip.current.style.left = `${Math.max(4, Math.min(left, innerWidth - size.width - 4))}px`
    tip.current.style.top = `${place.top > size.height + 8 ? place.top - size.height - 4 : place.bottom + 4}px`
    const close = (event: Event) => (event.type !== 'keydown' || (event as KeyboardEvent).key === 'Escape') && setOpen(false)
    addEventListener('keydown', close)
    addEventListener('scroll', close, true)
    addEventListener('resize', close)
    return () => {
      removeEventListener('keydown', close)
      removeEventListener('scroll', close, true)
      removeEventListener('resize', close)
    }
  }, [open])
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only shows what the description says anyway
    <span
      ref={around}
      className={className}
      tabIndex={focusable ? 0 : undefined}
      aria-describedby={focusable && open ? id : undefined}
      onMouseEnter={() => setOpen(true)}
      onMouseLeave={() => setOpen(false)}
      onFocus={() => setOpen(true)}
      onBlur={() => setOpen(false)}
    >
      {children}
      {open && (
        <span ref={tip} id={id} role="tooltip" popover="manual" className="tip">
          {text}
        </span>
      )}
    </span>
  )
}

import { useEffect, useRef } from 'react'

let stepped: ((event: PopStateEvent) => void) | undefined

// Added before anything renders, so that it hears of a step before the router does: browsers ask the listeners of a window in the order in which they came.
addEventListener('popstate', (event) => stepped?.(event))

/**
 * While it is active, Back does not leave the page but calls `onBack`; and if `asks`, the browser asks before it reloads the page or closes it.
 */
export function useStay(onBack: () => void, { active = true, asks }: { active?: boolean; asks: boolean }): void {
  const back = useRef(onBack)
  back.current = onBack
  useEffect(() => {
    if (!active) return
    const { href } = location
    const { state } = history
    const stay = (event: PopStateEvent) => {
      // The router would show another page, and what is shown here would be gone, however many steps it were.
      event.stopImmediatePropagation()
      history.pushState(state, '', href)
      back.current()
    }
    stepped = stay
    return () => {
      if (stepped === stay) stepped = undefined
    }
  }, [active])
  useEffect(() => {
    if (!active || !asks) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [active, asks])
}

import { useEffect, useRef } from 'react'

/**
 * As long as it is used, Back does not leave the page but asks, and so does the browser before it reloads or closes. Returns what must be called before the
 * page goes on by itself.
 */
export function useStay(onBack: () => void, asks: boolean): () => void {
  const back = useRef(onBack)
  back.current = onBack
  const left = useRef(false)
  useEffect(() => {
    // A step at the same address: Back takes it, and the page with what it shows stays.
    history.pushState(history.state, '')
    const stepped = () => {
      if (left.current) return
      history.pushState(history.state, '')
      back.current()
    }
    addEventListener('popstate', stepped)
    return () => removeEventListener('popstate', stepped)
  }, [])
  useEffect(() => {
    if (!asks) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [asks])
  return () => {
    if (left.current) return
    left.current = true
    history.back()
  }
}

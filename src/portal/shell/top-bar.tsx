import { Icon as IconMoon } from 'virtual:icon/moon'
import { Icon as IconSearch } from 'virtual:icon/search'
import { Icon as IconSun } from 'virtual:icon/sun'
import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { useConnection } from '../graphql/connection.ts'
import { Palette } from './palette.tsx'

const states = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting' } as const

/** Whether what the page shows changes by itself. */
function LiveState() {
  const connection = useConnection()
  const text = connection === 'lost' && !navigator.onLine ? 'Offline' : states[connection]
  return (
    <span className="live-state" data-state={connection} role="status" title={connection === 'lost' ? 'What you see may be old' : undefined}>
      {text}
    </span>
  )
}

export function TopBar({ children }: { children: ReactNode }) {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'light' ? 'dark' : 'light'
  const [searching, setSearching] = useState(false)
  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      // Not over a dialog: a key that is shown only once must not lose its place.
      if (!(event.ctrlKey || event.metaKey) || event.key !== 'k' || document.querySelector('[role=dialog]')) return
      event.preventDefault()
      setSearching(true)
    }
    addEventListener('keydown', open)
    return () => removeEventListener('keydown', open)
  }, [])
  return (
    <div className="top-bar">
      {children}
      <LiveState />
      <button type="button" className="search-button" onClick={() => setSearching(true)}>
        <IconSearch size={15} stroke={1.8} />
        <span>Search</span>
        <kbd>Ctrl K</kbd>
      </button>
      <ActionIcon variant="subtle" color="gray" size={30} aria-label={`Use ${other} colours`} onClick={() => setColorScheme(other)}>
        {scheme === 'light' ? <IconMoon size={17} stroke={1.7} /> : <IconSun size={17} stroke={1.7} />}
      </ActionIcon>
      {searching && <Palette onClose={() => setSearching(false)} />}
    </div>
  )
}

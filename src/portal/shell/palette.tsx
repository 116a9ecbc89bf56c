import { TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useQuery } from 'urql'
import { useLocation } from 'wouter'
import { Dialog } from '../elements/dialog.tsx'
import { PortalPaletteDocument, PortalPaletteInstancesDocument, type PortalPaletteInstancesQuery, type PortalPaletteQuery } from '../generated/operations.ts'

interface Target {
  readonly path: string
  readonly name: string
  readonly what: string
}

function targetsOf(keys: PortalPaletteQuery | undefined, apps: PortalPaletteInstancesQuery['apps'], words: string): Target[] {
  const matches = (text: string) => text.toLowerCase().includes(words.toLowerCase())
  const instances = apps.flatMap((app) => app.instances.edges.map(({ node }) => ({ ...node, app }))).filter(({ name }) => words !== '' && matches(name))
  return [
    ...apps.filter(({ name, slug }) => matches(`${name} ${slug}`)).map(({ name, slug }) => ({ path: `/apps/${slug}`, name, what: 'App' })),
    ...instances.slice(0, 8).map(({ id, name, app }) => ({ path: `/apps/${app.slug}/instances/${id}`, name, what: `Instance of ${app.name}` })),
    ...(keys?.apiKeys.edges ?? []).map(({ node: key }) => ({
      path: `/apps/${key.app.slug}/instances/${key.instance.id}/keys?${new URLSearchParams({ ...(key.status === 'ACTIVE' ? {} : { tab: key.status.toLowerCase() }), q: key.hint })}`,
      name: key.name,
      what: `Key ${key.hint} of ${key.instance.name}`,
    })),
  ]
}

/** Goes to an app, an instance or a key by a part of its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [, go] = useLocation()
  const [text, setText] = useState('')
  const [search, setSearch] = useState('')
  const [at, setAt] = useState(0)
  useEffect(() => {
    const timer = setTimeout(() => setSearch(text.trim()), 200)
    return () => clearTimeout(timer)
  }, [text])
  const [{ data, fetching }] = useQuery({ query: PortalPaletteDocument, variables: { search }, pause: search === '' })
  // The contract searches the instances of one app, not of all: the first of each are read at once, and searched here.
  const [known] = useQuery({ query: PortalPaletteInstancesDocument })
  const targets = targetsOf(search === '' ? undefined : data, known.data?.apps ?? [], text.trim())
  const chosen = Math.min(at, targets.length - 1)
  const choose = (target: Target | undefined) => {
    if (!target) return
    onClose()
    go(target.path)
  }
  return (
    <Dialog title="Go to" size={540} onClose={onClose}>
      <TextInput
        data-autofocus
        role="combobox"
        aria-label="App, instance or key"
        aria-expanded={targets.length > 0}
        aria-controls="targets"
        aria-activedescendant={targets.length > 0 ? `target-${chosen}` : undefined}
        placeholder="App, instance or key"
        autoComplete="off"
        maxLength={100}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
          if (step) setAt((chosen + step + targets.length) % Math.max(targets.length, 1))
          if (event.key === 'Enter') choose(targets[chosen])
          if (step || event.key === 'Enter') event.preventDefault()
        }}
      />
      <div id="targets" role="listbox" aria-label="Results" className="targets">
        {targets.map((target, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above takes the keys
          <div key={target.path} id={`target-${index}`} role="option" tabIndex={-1} aria-selected={index === chosen} onClick={() => choose(target)}>
            <strong>{target.name}</strong>
            <span>{target.what}</span>
          </div>
        ))}
      </div>
      {targets.length === 0 && <p className="muted">{fetching ? 'Searching …' : 'Nothing has this in its name.'}</p>}
    </Dialog>
  )
}

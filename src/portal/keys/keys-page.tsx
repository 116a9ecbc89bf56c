import { Icon as IconPlus } from 'virtual:icon/plus'
import { Button, Tabs } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import { announce } from '../elements/announce.ts'
import { PortalKeysDocument } from '../generated/operations.ts'
import { usePages } from '../graphql/use-pages.ts'
import { Page } from '../shell/page.tsx'
import { CreateKey } from './create-key.tsx'
import { KeyFilters } from './key-filters.tsx'
import { KeyList } from './key-list.tsx'
import { type KeyPlace, type KeyScope, type Tab, useKeyView } from './key-view.ts'
import { OrphanNotice } from './orphan-notice.tsx'
import { useLiveKeys } from './use-live-keys.ts'

interface Props {
  readonly scope: KeyScope
  /** Whose counts the tabs show. */
  readonly countsOf: string
  readonly place: ReactNode
  readonly crumbs: readonly (readonly [string, string])[]
  /** Where a new key would be; without it none can be created here. */
  readonly create?: KeyPlace
}

const tabs = [
  ['active', 'Active', 'green'],
  ['orphaned', 'Orphaned', 'amber'],
  ['expired', 'Expired', 'grey'],
] as const

/** The keys of an app, of an instance, or of everything. */
export function KeysPage({ scope, countsOf, place, crumbs, create }: Props) {
  const counts = useCounts(countsOf)
  const view = useKeyView(scope)
  const list = usePages(PortalKeysDocument, view.variables, (data) => data.apiKeys)
  const fresh = useLiveKeys(scope, list)
  // Where it began: a right that is lost meanwhile must not take a key away that was created and is shown only once.
  const [creating, setCreating] = useState<KeyPlace>()
  useEffect(() => {
    if (counts) announce(`${counts.active} active, ${counts.orphaned} orphaned and ${counts.expired} expired keys`)
  }, [counts])
  return (
    <Page
      title="API Keys"
      preview
      crumbs={crumbs}
      subtitle={
        <>
          {place} · <Count value={counts?.total} /> {counts?.total === 1 ? 'key' : 'keys'} in total
        </>
      }
      action={
        create && (
          <Button size="sm" leftSection={<IconPlus size={16} stroke={1.8} />} onClick={() => setCreating(create)}>
            Create API Key
          </Button>
        )
      }
    >
      {view.tab !== 'orphaned' && <OrphanNotice orphaned={counts?.orphaned ?? 0} />}
      <Tabs value={view.tab} onChange={(tab) => view.set({ tab: tab === 'active' ? undefined : (tab as Tab) })} keepMounted={false}>
        <Tabs.List aria-label="Status of the keys">
          {tabs.map(([value, name, tone]) => (
            <Tabs.Tab key={value} value={value}>
              {name} <Count value={counts?.[value]} className={`badge badge-${counts?.[value] === 0 ? 'grey' : tone}`} />
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={view.tab} tabIndex={-1}>
          {/* Another tab or filter is another list, in which nothing is selected. */}
          <KeyList
            key={`${view.tab} ${view.revoked}`}
            list={list}
            view={view}
            scope={scope}
            fresh={fresh}
            filters={<KeyFilters view={view} />}
            onCreate={create && (() => setCreating(create))}
          />
        </Tabs.Panel>
      </Tabs>
      {creating && <CreateKey place={creating} onClose={() => setCreating(undefined)} />}
    </Page>
  )
}

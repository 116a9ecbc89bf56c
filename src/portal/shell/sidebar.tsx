import { Icon as IconActivity } from 'virtual:icon/activity'
import { Icon as IconAlertTriangle } from 'virtual:icon/alert-triangle'
import { Icon as IconBox } from 'virtual:icon/box'
import { Icon as IconCloudBolt } from 'virtual:icon/cloud-bolt'
import { Icon as IconKey } from 'virtual:icon/key'
import { Icon as IconLayoutDashboard } from 'virtual:icon/layout-dashboard'
import { Icon as IconLock } from 'virtual:icon/lock'
import { Icon as IconMenu2 } from 'virtual:icon/menu-2'
import { Icon as IconSparkles } from 'virtual:icon/sparkles'
import { Icon as IconUsers } from 'virtual:icon/users'
import { Icon as IconX } from 'virtual:icon/x'
import type { ComponentType, ReactNode } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { Count } from '../counts/count.tsx'
import { useCounts } from '../counts/store.ts'
import type { IconProps } from '../elements/icon.tsx'
import { AccountMenu } from './account-menu.tsx'
import { type App, useViewer } from './viewer.ts'

type Icon = ComponentType<IconProps>

/** Apps have no icon of their own; a word in the short name of many suggests one. */
const iconOf = (slug: string): Icon =>
  /function|lambda|cloud/.test(slug)
    ? IconCloudBolt
    : /dashboard|report/.test(slug)
      ? IconLayoutDashboard
      : /agent|inference|analyst|ai/.test(slug)
        ? IconSparkles
        : IconBox

interface ItemProps {
  readonly to: string
  readonly icon: Icon
  readonly current: boolean
  readonly children: ReactNode
  readonly count?: ReactNode
}

const Item = ({ to, icon: Icon, current, children, count }: ItemProps) => (
  <li>
    <Link href={to} className="nav-item" aria-current={current ? 'page' : undefined}>
      <Icon size={17} stroke={1.7} />
      <span className="nav-name">{children}</span>
      {count}
    </Link>
  </li>
)

function AppItem({ app, path }: { app: App; path: string }) {
  const counts = useCounts(app.id)
  return (
    <Item
      to={`/apps/${app.slug}`}
      icon={iconOf(app.slug)}
      current={path === `/apps/${app.slug}` || path.startsWith(`/apps/${app.slug}/`)}
      count={<Count value={counts?.total} />}
    >
      {app.name}
    </Item>
  )
}

export function Sidebar({ open, onToggle }: { open: boolean; onToggle: (open: boolean) => void }) {
  const { viewer, apps, ownsOrphans } = useViewer()
  const [path] = useLocation()
  const search = useSearch()
  const orphansShown = path === '/keys' && new URLSearchParams(search).get('tab') === 'orphaned'
  const all = useCounts('all')
  return (
    <div className="sidebar">
      <div className="sidebar-top">
        <AccountMenu />
        <button type="button" className="menu-button" aria-expanded={open} aria-controls="navigation" onClick={() => onToggle(!open)}>
          {open ? <IconX size={18} /> : <IconMenu2 size={18} />}
          <span className="hidden-text">Menu</span>
        </button>
      </div>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a link that was followed closes the menu; Enter on it is a click too */}
      <nav id="navigation" aria-label="Portal" onClick={(event) => (event.target as Element).closest('a') && onToggle(false)}>
        <h2>Develop</h2>
        <ul>
          {apps.map((app) => (
            <AppItem key={app.id} app={app} path={path} />
          ))}
          {apps.length === 0 && <li className="nav-none">No apps yet</li>}
        </ul>
        <h2>Manage</h2>
        <ul>
          <Item to="/keys" icon={IconKey} current={path === '/keys' && !orphansShown} count={<Count value={all?.total} />}>
            All API keys
          </Item>
          {(ownsOrphans || (all?.orphaned ?? 0) > 0) && (
            <Item
              to="/keys?tab=orphaned"
              icon={IconAlertTriangle}
              current={orphansShown}
              count={<Count value={all?.orphaned} className={all?.orphaned ? 'count-amber' : ''} />}
            >
              Orphaned
            </Item>
          )}
          <Item to="/secrets" icon={IconLock} current={path === '/secrets'}>
            Secrets
          </Item>
          {viewer.can.readAuditLog && (
            <Item to="/activity" icon={IconActivity} current={path === '/activity'}>
              Activity
            </Item>
          )}
          <Item to="/access" icon={IconUsers} current={path === '/access'}>
            Access
          </Item>
        </ul>
      </nav>
    </div>
  )
}

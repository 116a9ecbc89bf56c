import { Icon as IconAlertTriangle } from 'virtual:icon/alert-triangle'
import { Link, useLocation } from 'wouter'
import { useViewer } from '../shell/viewer.ts'

/** Leads those who may revoke orphans to them; nobody else could do anything about it. */
export function OrphanNotice({ orphaned }: { orphaned: number }) {
  const { ownsOrphans } = useViewer()
  const [path] = useLocation()
  if (!ownsOrphans || orphaned === 0) return null
  return (
    <div className="notice notice-amber">
      <IconAlertTriangle size={18} stroke={1.8} />
      <p>
        <strong>
          {orphaned} orphaned {orphaned === 1 ? 'key' : 'keys'}.
        </strong>{' '}
        {orphaned === 1 ? 'Its' : 'Their'} instance or creator is gone. {orphaned === 1 ? 'It no longer works' : 'They no longer work'} and should be revoked.
      </p>
      <Link href={`${path}?tab=orphaned`}>Review</Link>
    </div>
  )
}

import { Button } from '@mantine/core'
import type { Pages } from '../graphql/use-pages.ts'

/** How much of the list is shown, and the rest of it. */
export function ListFoot({ list, what }: { list: Pages<unknown>; what: string }) {
  if (!list.rows) return null
  return (
    <div className="list-foot">
      <span>
        {list.rows.length} of {list.totalIsExact ? list.total.toLocaleString('en-US') : `more than ${list.total.toLocaleString('en-US')}`} {what}
      </span>
      {list.hasMore && (
        <Button size="compact-sm" variant="default" loading={list.busy} onClick={list.more}>
          Load more
        </Button>
      )}
    </div>
  )
}

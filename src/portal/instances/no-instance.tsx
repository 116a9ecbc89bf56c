import type { CombinedError } from 'urql'
import { Empty } from '../elements/empty.tsx'
import { ServerProblem } from '../elements/problem.tsx'
import { Page } from '../shell/page.tsx'

export const NoInstance = ({ error }: { error: CombinedError | undefined }) => (
  <Page title={error ? 'Instance' : 'Not found'}>
    {error ? (
      <ServerProblem title="The instance could not be read" error={error} onRetry={() => location.reload()} />
    ) : (
      <Empty title="There is no such instance">It may be deleted, or you have no role on it. An Owner of the instance grants one.</Empty>
    )}
  </Page>
)

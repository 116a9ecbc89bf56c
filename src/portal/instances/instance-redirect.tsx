import { useQuery } from 'urql'
import { Redirect } from 'wouter'
import { PageSkeleton } from '../elements/skeleton.tsx'
import { PortalInstanceDocument } from '../generated/operations.ts'
import { NoInstance } from './no-instance.tsx'

/** For links that know only the id. */
export function InstanceRedirect({ id }: { id: string }) {
  const [{ data, fetching, error }] = useQuery({ query: PortalInstanceDocument, variables: { id } })
  if (data?.instance) return <Redirect to={`/apps/${data.instance.app.slug}/instances/${id}`} replace />
  return fetching ? <PageSkeleton /> : <NoInstance error={error} />
}

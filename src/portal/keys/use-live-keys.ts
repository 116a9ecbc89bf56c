import { useEffect, useState } from 'react'
import { useSubscription } from 'urql'
import { minute } from '../elements/time.ts'
import { PortalKeyChangedDocument } from '../generated/operations.ts'
import type { Pages } from '../graphql/use-pages.ts'
import { useSoon } from '../graphql/use-soon.ts'
import type { KeyScope } from './key-view.ts'

/**
 * Follows the keys of a list. The cache changes their rows by itself; which rows the list has is read anew, at most four times a second. Returns the ids of
 * keys that were created while the list was open.
 */
export function useLiveKeys(scope: KeyScope, list: Pages<unknown>): ReadonlySet<string> {
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set())
  const { refresh, version } = list
  const soon = useSoon(refresh)
  // From the version of the first answer, so that nothing is missed between the list and the feed.
  const [after, setAfter] = useState<number>()
  if (after === undefined && version !== undefined) setAfter(version)

  const [{ error }] = useSubscription({ query: PortalKeyChangedDocument, variables: { ...scope, after }, pause: after === undefined }, (_, data) => {
    const { kind, occurredAt, apiKey } = data.apiKeyChanged
    // After a long absence the feed tells of keys that are new to nobody.
    if (kind === 'API_KEY_CREATED' && Date.now() - Date.parse(occurredAt) < 5 * minute) setFresh((ids) => new Set(ids).add(apiKey.id))
    soon()
    return data
  })

  const resync = error?.graphQLErrors.some((each) => each.extensions['code'] === 'RESYNC') ?? false
  useEffect(() => {
    if (resync) refresh()
  }, [resync, refresh])
  useEffect(() => {
    if (resync && version !== undefined) setAfter(version)
  }, [resync, version])
  return fresh
}

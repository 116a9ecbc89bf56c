import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { useCallback, useEffect, useRef, useState } from 'react'
import { type AnyVariables, type CombinedError, type RequestPolicy, useClient } from 'urql'
import { useReturns } from './connection.ts'

interface Connection<Row> {
  readonly totalCount: number
  readonly totalCountIsExact?: boolean
  readonly version?: number
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  readonly edges: readonly { readonly node: Row }[]
}

export interface Pages<Row> {
  /** Undefined until the first page is there. */
  readonly rows: readonly Row[] | undefined
  readonly total: number
  readonly totalIsExact: boolean
  readonly version: number | undefined
  readonly hasMore: boolean
  readonly busy: boolean
  readonly error: CombinedError | undefined
  readonly more: () => void
  /** Reads everything that is shown from the server. */
  readonly refresh: () => void
}

/**
 * A list, page by page, each page a query of its own in the cache. Where a page ends moves when rows come or go, and the next page then begins there, so
 * that no row is shown twice and none is left out.
 */
export function usePages<Data, Variables extends AnyVariables, Row>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => Connection<Row> | null | undefined,
): Pages<Row> {
  const client = useClient()
  const returns = useReturns()
  const identity = JSON.stringify(variables)
  const [shown, setShown] = useState({ identity, pages: 1 })
  const [state, setState] = useState<{ identity: string; pages: readonly Connection<Row>[]; error?: CombinedError; busy: boolean }>()
  const [reading, setReading] = useState(0)
  const picked = useRef(pick)
  picked.current = pick
  const read = useRef(reading + returns)
  const wanted = shown.identity === identity ? shown.pages : 1

  useEffect(() => {
    const policy: RequestPolicy = read.current === reading + returns ? 'cache-and-network' : 'network-only'
    read.current = reading + returns
    const pages: Connection<Row>[] = []
    const ends: (() => void)[] = []
    const cursors: (string | null)[] = []
    const open = (index: number, after: string | null): void => {
      for (const end of ends.splice(index)) end()
      cursors[index] = after
      const source = client.query(document, { ...(JSON.parse(identity) as object), after } as never, { requestPolicy: policy })
      const { unsubscribe } = source.subscribe(({ data, error, stale }) => {
        const page = data && picked.current(data)
        if (page) pages[index] = page
        const next = page?.pageInfo
        if (!next?.hasNextPage || index + 1 >= wanted) pages.splice(index + 1)
        else if (cursors[index + 1] !== next.endCursor || ends.length <= index + 1) open(index + 1, next.endCursor)
        // While a longer list loads, its pages of before stay: rows that vanish and come back would lose the reader's place.
        setState((before) => {
          const kept = before?.identity === identity && pages.length < before.pages.length && (error || next?.hasNextPage)
          return { identity, pages: kept ? before.pages : [...pages], error, busy: stale || pages.length < wanted }
        })
      })
      ends[index] = unsubscribe
    }
    open(0, null)
    return () => {
      for (const end of ends) end()
    }
  }, [client, document, identity, wanted, reading, returns])

  const current = state?.identity === identity ? state : undefined
  const first = current?.pages[0]
  const last = current?.pages.at(-1)
  return {
    rows: first && current.pages.flatMap((page) => page.edges.map(({ node }) => node)),
    total: first?.totalCount ?? 0,
    totalIsExact: first?.totalCountIsExact ?? true,
    version: first?.version,
    hasMore: last?.pageInfo.hasNextPage ?? false,
    busy: current?.busy ?? true,
    error: current?.error,
    more: useCallback(() => setShown({ identity, pages: wanted + 1 }), [identity, wanted]),
    refresh: useCallback(() => setReading((times) => times + 1), []),
  }
}

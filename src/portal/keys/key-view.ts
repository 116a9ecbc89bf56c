import { useMemo } from 'react'
import { day } from '../elements/time.ts'
import { useAddress } from '../elements/use-address.ts'
import type { ApiKeyOrder, ApiKeyStatus, PortalKeysQueryVariables } from '../generated/operations.ts'

export type Tab = 'active' | 'orphaned' | 'expired'

/** Which keys the address means: those of an app, of an instance, or all. */
export interface KeyScope {
  readonly appId?: string
  readonly instanceId?: string
}

/** Where a key would be; without an instance the dialog asks for one. */
export interface KeyPlace {
  readonly app: { readonly id: string; readonly name: string; readonly slug: string }
  readonly instance?: { readonly id: string; readonly name: string }
}

/** For how many days a key was not used, as the address says it. */
export const idleDays = ['30', '60', '90'] as const

const statuses: Readonly<Record<Tab, ApiKeyStatus>> = { active: 'ACTIVE', orphaned: 'ORPHANED', expired: 'EXPIRED' }

/** The orders that the contract has, as the address writes them. */
export const orders = {
  '-created': 'CREATED_AT_DESC',
  created: 'CREATED_AT_ASC',
  expires: 'EXPIRES_AT_ASC',
  '-used': 'LAST_USED_AT_DESC',
  name: 'NAME_ASC',
} as const
export type Sort = keyof typeof orders

export interface KeyView {
  readonly tab: Tab
  readonly sort: Sort
  readonly search: string | undefined
  readonly by: string | undefined
  readonly unused: string | undefined
  readonly revoked: boolean
  readonly filtered: boolean
  readonly variables: PortalKeysQueryVariables
  readonly set: ReturnType<typeof useAddress>[1]
}

/** What a list of keys shows, read from the address and written to it. */
export function useKeyView(scope: KeyScope): KeyView {
  const [get, set] = useAddress()
  const [tab, sort] = [get('tab') ?? '', get('sort') ?? '']
  const [search, by, revoked] = [get('q'), get('by'), get('revoked') === '1']
  const unused = idleDays.find((days) => days === get('unused'))
  const known: Tab = tab === 'orphaned' || tab === 'expired' ? tab : 'active'
  const order: Sort = Object.hasOwn(orders, sort) ? (sort as Sort) : '-created'
  // Fixed while the view is open: a moment that moves would make each rendering a query of its own.
  const unusedSince = useMemo(() => (unused ? new Date(Date.now() - Number(unused) * day).toISOString() : undefined), [unused])
  const variables = {
    filter: {
      ...scope,
      search,
      createdById: by,
      unusedSince,
      status: [statuses[known], ...(revoked ? (['REVOKED'] as const) : [])],
    },
    orderBy: orders[order] satisfies ApiKeyOrder,
    first: 25,
  }
  return { tab: known, sort: order, search, by, unused, revoked, filtered: Boolean(search || by || unused), variables, set }
}

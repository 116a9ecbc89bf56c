import { createContext, use } from 'react'
import type { OrganizationRole, PortalAppsQuery, PortalViewerQuery } from '../generated/operations.ts'

export type Viewer = PortalViewerQuery['viewer']
export type App = PortalAppsQuery['apps'][number]

export const ViewerContext = createContext<{ viewer: Viewer; apps: readonly App[] } | undefined>(undefined)

/** Who looks at the page, what they may do, and the apps of their organization. */
export function useViewer(): { viewer: Viewer; apps: readonly App[]; ownsOrphans: boolean } {
  const value = use(ViewerContext)
  if (value === undefined) throw new Error('useViewer outside of Shell')
  return { ...value, ownsOrphans: value.viewer.member.role !== 'MEMBER' }
}

export const roleNames: Readonly<Record<OrganizationRole, string>> = { OWNER: 'Owner', AURA_OWNER: 'Aura Owner', MEMBER: 'Member' }

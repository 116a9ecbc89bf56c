import { createHash } from 'node:crypto'
import { mayRevokeEveryKey, mayRevokeOrphans } from '../access/rights.ts'
import type { Scope } from '../access/scope.ts'
import { badInput } from '../errors.ts'
import type { ApiKeyStatus, InstanceRole, OrphanReason } from '../generated/prisma/enums.ts'
import { isId } from '../ids.ts'
import { dayMs } from '../time.ts'

/** The input of verification. */
export interface KeyRecord {
  id: string
  name: string
  organizationId: string
  appId: string
  instanceId: string
  createdById: string
  pepperId: string
  digest: Uint8Array
  revokedAt: Date | null
  orphanReason: OrphanReason | null
  instanceDeletedAt: Date | null
  creatorRemovedAt: Date | null
  expiresAt: Date
  /** When it was stored as EXPIRED. */
  expiredAt: Date | null
  /** The database's time of this read. */
  readAt: Date
  /** The mark of its organization in the same snapshot. */
  mark: string
}

interface StatusCounts {
  active: number
  expired: number
  orphaned: number
  revoked: number
}

export interface Counts extends StatusCounts {
  /** The organization, app, instance or member. */
  subjectId: string
  /** The organization's version in the same snapshot. */
  version: bigint
}

/** Counts as they stand beside a row: active, expired, orphaned, revoked, and the version. */
export type CountsBeside = readonly [number, number, number, number, number]

export const countsOf = ([active, expired, orphaned, revoked, version]: CountsBeside): Omit<Counts, 'subjectId'> => ({
  active,
  expired,
  orphaned,
  revoked,
  version: BigInt(version),
})

/** Whether no number changed, whatever the version. */
export const sameCounts = (a: StatusCounts, b: StatusCounts): boolean =>
  a.active === b.active && a.expired === b.expired && a.orphaned === b.orphaned && a.revoked === b.revoked

export type RevokeRefusal = 'ALREADY_REVOKED' | 'NOT_YOUR_KEY' | 'ORPHAN_NEEDS_OWNER'

/** Why this actor may not revoke this key, which they may see; null when they may. */
export function revokeRefusal(
  scope: Pick<Scope, 'memberId' | 'role'>,
  instanceRole: InstanceRole | null,
  key: { status: ApiKeyStatus; createdById: string },
): RevokeRefusal | null {
  if (key.status === 'REVOKED') return 'ALREADY_REVOKED'
  if (key.status === 'ORPHANED') return mayRevokeOrphans(scope) ? null : 'ORPHAN_NEEDS_OWNER'
  return mayRevokeEveryKey(scope, instanceRole) || key.createdById === scope.memberId ? null : 'NOT_YOUR_KEY'
}

/** 1 to 128 printable ASCII characters; null when none was given. */
export function parseIdempotencyKey(text: string | null | undefined): string | null {
  if (text == null) return null
  if (!/^[\x20-\x7e]{1,128}$/.test(text)) throw badInput('idempotencyKey', 'must have 1 to 128 printable ASCII characters')
  return text
}

/** How long an idempotency key is remembered. */
export const idempotencyMs = dayMs

/** Identifies one input of createApiKey: a hash of the fields as they were sent. */
export const inputHash = (input: {
  instanceId: string
  name: string
  expiresAt?: Date | null | undefined
  expiresInDays?: number | null | undefined
  saveAsSecret?: { name: string } | null | undefined
}): Buffer => {
  const { instanceId, name, expiresAt, expiresInDays, saveAsSecret } = input
  const raw = JSON.stringify([instanceId, name, expiresAt?.toISOString() ?? null, expiresInDays ?? null, saveAsSecret?.name ?? null])
  return createHash('sha256').update(raw).digest()
}

/** When a new key ends, from exactly one of the two fields. */
export function expiration(
  input: { expiresAt?: Date | null | undefined; expiresInDays?: number | null | undefined },
  now: Date,
  maxLifetimeDays: number,
): Date {
  const { expiresAt, expiresInDays } = input
  if (expiresAt != null && expiresInDays != null) throw badInput('expiresAt', 'give expiresAt or expiresInDays, not both')
  if (expiresAt == null && expiresInDays == null) throw badInput('expiresAt', 'give expiresAt or expiresInDays')
  if (expiresInDays != null && (expiresInDays < 1 || expiresInDays > maxLifetimeDays)) {
    throw badInput('expiresInDays', `must be from 1 to ${maxLifetimeDays}`)
  }
  if (expiresInDays != null) return new Date(now.getTime() + expiresInDays * dayMs)
  const end = expiresAt as Date
  if (end.getTime() <= now.getTime()) throw badInput('expiresAt', 'must be in the future')
  if (end.getTime() > now.getTime() + maxLifetimeDays * dayMs) throw badInput('expiresAt', `must be at most ${maxLifetimeDays} days away`)
  return end
}

/** A last use before this means that the key was never used, see `KeyUse` in schema.prisma. */
export const firstUse = new Date(0)

/** When the key of this row was last used; null when it never was. */
export const usedAt = (use: { lastUsedAt: Date } | null): Date | null => (use && use.lastUsedAt >= firstUse ? use.lastUsedAt : null)

/**
 * Returns which app or instance within the subject to read from the counters, when they know how many keys match: when the filter has no more
 * than status, app and instance. Else null.
 */
export function countable(filter: object | null | undefined, isOrganization: boolean, subjectId?: string): { narrower: string | undefined } | null {
  const { status: _, appId, instanceId, ...others } = (filter ?? {}) as Record<string, unknown>
  const known = (appId == null || isId(String(appId), 'app')) && (instanceId == null || isId(String(instanceId), 'ins'))
  const narrower = [appId, instanceId].flatMap((id) => (id != null && id !== subjectId ? [String(id)] : []))
  const isCountable = known && Object.values(others).every((value) => value == null) && narrower.length <= (isOrganization ? 1 : 0)
  return isCountable ? { narrower: narrower[0] } : null
}

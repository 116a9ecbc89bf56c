import type { Connection } from '../store/client.ts'
import { dayMs } from '../time.ts'
import { boundsAt, type Session } from './model.ts'

/** The most sessions that are listed, the last used ones first. */
const maxListed = 100

/** Valid ones: neither too old nor idle for too long, and of a present member, so that a removal ends them in its own commit. */
const validAt = (now: Date) => {
  const { signedInAfter, usedAfter } = boundsAt(now)
  return { signedInAt: { gt: signedInAfter }, usedAt: { gt: usedAfter }, member: { removedAt: null } }
}

export const sessionStore = ({ client }: Connection) => ({
  /** The valid sessions with these hashes. */
  byHashes: async (hashes: readonly Uint8Array<ArrayBuffer>[], now: Date): Promise<(Session & { hash: Uint8Array })[]> => {
    const rows = await client.session.findMany({
      where: { hash: { in: [...hashes] }, ...validAt(now) },
      select: { id: true, hash: true, memberId: true, signedInAt: true, usedAt: true, member: { select: { organizationId: true, subject: true } } },
    })
    return rows.map(({ member, ...row }) => ({ ...row, ...member }))
  },

  /** Which of these are still valid. */
  validAmong: async (ids: readonly string[], now: Date): Promise<string[]> => {
    const rows = await client.session.findMany({ where: { id: { in: [...ids] }, ...validAt(now) }, select: { id: true } })
    return rows.map(({ id }) => id)
  },

  /** Writes that they were used; one that has ended meanwhile stays so. */
  markUsed: async (ids: readonly string[], now: Date): Promise<void> => {
    await client.session.updateMany({ where: { id: { in: [...ids] }, ...validAt(now) }, data: { usedAt: now } })
  },

  /** All valid sessions of a person, in every organization. */
  ofSubject: (subject: string, now: Date) =>
    client.session.findMany({
      where: { ...validAt(now), member: { subject, removedAt: null } },
      select: { id: true, signedInAt: true, usedAt: true, member: { select: { organization: { select: { id: true, slug: true, name: true } } } } },
      orderBy: [{ usedAt: 'desc' }, { id: 'asc' }],
      take: maxListed,
    }),

  insert: (session: { id: string; hash: Uint8Array<ArrayBuffer>; memberId: string; signedInAt: Date; usedAt: Date }) =>
    client.session.create({ data: session, select: { id: true } }),

  end: async (id: string): Promise<void> => {
    await client.session.deleteMany({ where: { id } })
  },

  /** Ends every session of a person; returns their ids. */
  endOfSubject: async (subject: string): Promise<string[]> => {
    const rows = await client.session.findMany({ where: { member: { subject } }, select: { id: true } })
    const ids = rows.map(({ id }) => id)
    await client.session.deleteMany({ where: { id: { in: ids } } })
    return ids
  },

  /** Uses a code up, by the hash of its nonce; false if it was used before. */
  useCode: async (hash: Uint8Array<ArrayBuffer>, endsAt: Date): Promise<boolean> =>
    (await client.usedCode.createMany({ data: [{ hash, endsAt }], skipDuplicates: true })).count === 1,

  /** Deletes what has ended; used codes a day later, since the clock of the node that deletes may be ahead of one that would take the code again. */
  forget: async (now: Date): Promise<void> => {
    const { signedInAfter, usedAfter } = boundsAt(now)
    await client.session.deleteMany({ where: { OR: [{ signedInAt: { lte: signedInAfter } }, { usedAt: { lte: usedAfter } }] } })
    await client.usedCode.deleteMany({ where: { endsAt: { lte: new Date(now.getTime() - dayMs) } } })
  },

  /** Who is signed in, for a page. */
  member: (id: string) =>
    client.member.findFirst({
      where: { id, removedAt: null },
      select: { id: true, name: true, email: true, role: true, organization: { select: { id: true, slug: true, name: true } } },
    }),
})

export type SessionStore = ReturnType<typeof sessionStore>

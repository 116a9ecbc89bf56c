import { setTimeout as pause } from 'node:timers/promises'
import type { Membership } from '../topic.ts'
import type { FeedPlace } from './feed-group.ts'

/** A reader that takes longer to read what waits is disconnected; it can continue from its last version. */
const readerTimeoutMs = 10_000

/** Members who are in no group until they have read what they got. */
export interface SlowReaders {
  members(): Iterable<Membership>
  placeOf(member: Membership): FeedPlace | undefined
  /** The member continues from this place when it has read what it got. */
  add(member: Membership, place: FeedPlace): void
  leave(member: Membership): void
}

/** `goOn` puts a member back at the place where it stopped. */
export function createSlowReaders(goOn: (member: Membership, place: FeedPlace) => void): SlowReaders {
  const places = new Map<Membership, FeedPlace>()

  async function waitFor(member: Membership, place: FeedPlace): Promise<void> {
    const isThere = await Promise.race([member.subscriber.drained(), pause(readerTimeoutMs, null, { ref: false })])
    // A gone member stays until its transport removes it.
    if (places.get(member) !== place || isThere === false) return
    places.delete(member)
    if (isThere) goOn(member, place)
    else member.subscriber.fallBehind()
  }

  return {
    members: () => places.keys(),
    placeOf: (member) => places.get(member),
    add: (member, { key, scope, position }) => {
      const place = { key, scope, position }
      places.set(member, place)
      void waitFor(member, place)
    },
    leave: (member) => void places.delete(member),
  }
}

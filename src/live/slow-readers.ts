import { setTimeout as pause } from 'node:timers/promises'
import type { Membership } from '../topic.ts'
import type { FeedPlace } from './feed-group.ts'

/** A reader who takes longer for what waits to be read is sent away; its last version is where it goes on. */
const readerTimeoutMs = 10_000

/** Members who are in no group until they have read what they got. */
export interface SlowReaders {
  members(): Iterable<Membership>
  placeOf(member: Membership): FeedPlace | undefined
  /** The member goes on by itself from this place, once it has read what it got. */
  add(member: Membership, place: FeedPlace): void
  leave(member: Membership): void
}

/** `goOn` takes a member back, at the place where it stopped. */
export function createSlowReaders(goOn: (member: Membership, place: FeedPlace) => void): SlowReaders {
  const places = new Map<Membership, FeedPlace>()

  async function waitFor(member: Membership, place: FeedPlace): Promise<void> {
    const isThere = await Promise.race([member.subscriber.drained(), pause(readerTimeoutMs, null, { ref: false })])
    // One who is gone is left alone until its transport says so.
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

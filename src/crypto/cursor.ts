import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { pepperOf } from './digest.ts'

/** A value, and what distinguishes rows with that value. */
export type Position = readonly string[]

/** Cursors that only the server can make, each valid for one organization and one list. */
export interface Cursors {
  /** `list` names the organization and the order, `position` a row. */
  seal(list: string, position: Position): string
  /** The position; null if the cursor was changed or is of another list. */
  open(list: string, cursor: string): Position | null
}

const macBytes = 16

/**
 * `peppers`: 32 bytes each; the signing keys are derived under their own label. `currentId` names the pepper to sign with, which every
 * serving node knows; cursors under the others are valid too, so that a change of peppers rejects no cursor.
 */
export function createCursors(peppers: readonly Uint8Array[], currentId: () => string): Cursors {
  const keys = new Map(peppers.map((pepper) => [pepperOf(pepper).id, new Uint8Array(hkdfSync('sha256', pepper, '', 'aura-keys cursor', 32))]))
  const mac = (key: Uint8Array, list: string, body: Buffer): Buffer =>
    createHmac('sha256', key).update(`${list.length}:${list}`).update(body).digest().subarray(0, macBytes)
  return {
    seal: (list, position) => {
      const body = Buffer.from(JSON.stringify(position))
      return Buffer.concat([mac(keys.get(currentId()) as Uint8Array, list, body), body]).toString('base64url')
    },
    open: (list, cursor) => {
      const bytes = Buffer.from(cursor, 'base64url')
      // A re-encoded cursor must be the same text: base64url decoding ignores stray bits and characters.
      if (bytes.length <= macBytes || bytes.toString('base64url') !== cursor) return null
      const body = bytes.subarray(macBytes)
      const signature = bytes.subarray(0, macBytes)
      return [...keys.values()].some((key) => timingSafeEqual(mac(key, list, body), signature)) ? (JSON.parse(body.toString()) as Position) : null
    },
  }
}

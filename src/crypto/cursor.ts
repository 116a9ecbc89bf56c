import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** Cursors that only the server can make, each good for one organization and one list. */
export interface Cursors {
  /** `list` names the organization and the order. */
  seal(list: string, position: readonly (string | null)[]): string
  /** The position; null when the cursor was changed or is of another list. */
  open(list: string, cursor: string): (string | null)[] | null
}

const macBytes = 16

/** `secret`: 32 bytes; the signing key is derived under a label of its own. */
export function createCursors(secret: Uint8Array): Cursors {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'aura-keys cursor', 32))
  const mac = (list: string, body: Buffer): Buffer => createHmac('sha256', key).update(`${list.length}:${list}`).update(body).digest().subarray(0, macBytes)
  return {
    seal: (list, position) => {
      const body = Buffer.from(JSON.stringify(position))
      return Buffer.concat([mac(list, body), body]).toString('base64url')
    },
    open: (list, cursor) => {
      const bytes = Buffer.from(cursor, 'base64url')
      // A re-encoded cursor must be the same text: base64url decoding ignores stray bits and characters.
      if (bytes.length <= macBytes || bytes.toString('base64url') !== cursor) return null
      const body = bytes.subarray(macBytes)
      return timingSafeEqual(mac(list, body), bytes.subarray(0, macBytes)) ? (JSON.parse(body.toString()) as (string | null)[]) : null
    },
  }
}

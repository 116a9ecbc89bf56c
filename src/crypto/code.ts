import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** What a sign-in code says. */
export interface Named {
  readonly subject: string
  /** An id or a slug. */
  readonly organization: string
  readonly nonce: string
  readonly endsAt: Date
}

/** Codes of one-time links, which only the holder of AUTH_SECRET can make. */
export interface Codes {
  seal(named: Named): string
  /** What it says; null if it was changed, has ended, or is no code. */
  open(code: string, now: Date): Named | null
}

/** The longest code that is looked at. */
const maxCodeLength = 1_000

/**
 * `secret`: AUTH_SECRET. The key is derived under a label of its own, and a code has two parts where a token has three: no token is a code,
 * and no code is a token.
 */
export function createCodes(secret: Uint8Array): Codes {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'aura-keys portal sign-in code', 32))
  const mac = (body: string): Buffer => createHmac('sha256', key).update(body).digest()
  return {
    seal: ({ subject, organization, nonce, endsAt }) => {
      const body = Buffer.from(JSON.stringify([subject, organization, nonce, endsAt.getTime()])).toString('base64url')
      return `${body}.${mac(body).toString('base64url')}`
    },
    open: (code, now) => {
      const [, body = '', signature = ''] = code.length > maxCodeLength ? [] : (/^([\w-]+)\.([\w-]{43})$/.exec(code) ?? [])
      const given = Buffer.from(signature, 'base64url')
      if (body === '' || given.length !== 32 || !timingSafeEqual(mac(body), given)) return null
      const [subject, organization, nonce, end] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [string, string, string, number]
      return end > now.getTime() ? { subject, organization, nonce, endsAt: new Date(end) } : null
    },
  }
}

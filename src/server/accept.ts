import { LRUCache } from 'lru-cache'

/** One media range of an `Accept` header, such as `text/*;q=0.5`. */
interface MediaRange {
  readonly type: string
  readonly q: number
}

/** The longest `Accept` that is read; a longer one counts as absent. */
const maxAcceptLength = 1_000

/** In which form a client wants the answer. */
export interface Wanted {
  /** The JSON type that it likes best; `*` leaves the choice to the server, null: it takes no JSON. */
  readonly json: 'application/graphql-response+json' | 'application/json' | '*/*' | null
  /** For which operations it gets events. */
  readonly events: 'never' | 'subscriptions' | 'all'
  /** Whether it lists HTML, as browsers do for pages. */
  readonly html: boolean
}

/** The ranges, with a type in small letters. A weight that is no number counts as 1. */
const rangesOf = (accept: string): MediaRange[] =>
  accept.split(',').flatMap((text) => {
    const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '')
    const q = weight !== undefined && /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 1
    return type === '' ? [] : [{ type, q }]
  })

/** The weight of a type: that of the most specific range it is in; null if it is in none. */
function weightOf(ranges: readonly MediaRange[], type: string, patterns: readonly string[]): number | null {
  for (const pattern of [type, ...patterns]) {
    const weights = ranges.filter((range) => range.type === pattern).map(({ q }) => q)
    if (weights.length > 0) return Math.max(...weights)
  }
  return null
}

/**
 * What `Accept` asks for, by RFC 9110. Many clients list `text/event-stream` with JSON on every request, so a query becomes a stream only
 * where events are the only match or the better one; a subscription does wherever they are listed. `*` lists nothing by itself.
 */
function readAccept(accept: string): Wanted {
  const ranges = rangesOf(accept)
  const jsonOf = (type: string): number => weightOf(ranges, type, ['application/*', '*/*']) ?? 0
  const isNamed = (type: string): boolean => ranges.some((range) => range.type === type && range.q > 0)
  const [rich, plain] = [jsonOf('application/graphql-response+json'), jsonOf('application/json')]
  const best = Math.max(rich, plain)
  const events = weightOf(ranges, 'text/event-stream', ['text/*']) ?? 0
  const html = weightOf(ranges, 'text/html', []) ?? 0
  const [namesRich, namesPlain] = [isNamed('application/graphql-response+json'), isNamed('application/json')]
  // Of two equal ones the one that is named: who adds only `*/*` may not know the richer type.
  const isRich = rich > plain || (rich === plain && namesRich)
  return {
    json: best === 0 ? null : !namesRich && !namesPlain ? '*/*' : isRich ? 'application/graphql-response+json' : 'application/json',
    events: events === 0 ? 'never' : events > best ? 'all' : 'subscriptions',
    html: html > 0,
  }
}

/** Clients send few different ones. */
const lately = new LRUCache<string, Wanted>({ max: 100 })

/** What `Accept` asks for, as `readAccept` finds it. */
export function wantedBy(accept: string | undefined): Wanted {
  const key = accept === undefined || accept.length > maxAcceptLength ? '*/*' : accept
  const known = lately.get(key)
  if (known) return known
  const wanted = readAccept(key)
  lately.set(key, wanted)
  return wanted
}

import { fold, isPlain, separator, trigramText } from '../folding.ts'

/** Shorter texts make no trigram, and no index finds them inside a name. */
const trigramLength = 3
/** Folded characters of a text that is sought; no row has more. */
export const maxSoughtCharacters = 1_000

/** A surrogate is no character. */
const next = (codePoint: number): number => (codePoint === 0xd7ff ? 0xe000 : codePoint + 1)

/** The texts that begin with this one, in the order of code points, which is that of the column. */
function beginningWith(text: string): { gte: string; lt?: string } {
  const characters = Array.from(text)
  while (characters.at(-1) === '\u{10ffff}') characters.pop()
  const last = characters.pop()?.codePointAt(0)
  return last === undefined ? { gte: text } : { gte: text, lt: characters.join('') + String.fromCodePoint(next(last)) }
}

/**
 * Filters rows by their name and what else is searched, or by the name alone: those that contain the text or, if it is shorter than three characters,
 * whose name begins with it. Case is ignored, and every character stands for itself.
 */
export function matchingText(text: string, { nameAlone = false } = {}) {
  const folded = fold(text)
  // What is searched has none; this also keeps a text from reaching beyond a name.
  if (folded.length > maxSoughtCharacters || /\p{Cc}/u.test(folded)) return { folded: { in: [] as string[] } }
  if (Array.from(folded).length < trigramLength) return { folded: beginningWith(folded) }
  const trigrams = { contains: trigramText(folded) }
  // One condition, of which the database knows best how many rows have it.
  if (isPlain(folded) && !nameAlone) return { trigrams }
  const literal = folded.replace(/[\\%_]/g, '\\$&')
  return { trigrams, folded: { contains: nameAlone ? `${literal}%${separator}` : literal } }
}

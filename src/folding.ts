/**
 * The text in which letters that differ only in case are equal: upper case brings together what lower case keeps apart (ß and ss, σ and ς, µ and
 * μ), and i, I, İ and ı are one letter, since no text says of which language it is. Canonically equivalent texts stay equal. The fold of a part
 * is a part of the fold, unless a letter is parted from its marks.
 */
export const fold = (text: string): string =>
  text
    .normalize('NFD')
    // First lower case: ẞ has no other upper case than itself.
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .replace(/i\p{M}+/gu, (letter) => letter.replaceAll('\u0307', ''))
    .normalize('NFC')

const symbols = '123456789'

/**
 * As many letters and digits of ASCII as the folded text has characters: all that trigrams are made of on every database. (pg_trgm leaves out other
 * characters, and where LC_CTYPE is C, all letters but these.) a-z and 0-9 stay themselves; all other characters become
 * digits: pg_trgm ignores case, and letters would make rare texts look like common words.
 */
export const trigramText = (folded: string): string =>
  Array.from(folded, (character) => (/[a-z0-9]/.test(character) ? character : (symbols[(character.codePointAt(0) ?? 0) % symbols.length] ?? ''))).join('')

/** Whether the trigram text of this folded text stands for it alone: digits stand for others too. */
export const isPlain = (folded: string): boolean => /^[a-z]+$/.test(folded)

/** Ends the name in the folded text of a row. No name has it. */
export const separator = '\n'

export interface Searchable {
  readonly folded: string
  readonly trigrams: string
}

/** The columns that search reads, for a row with this name; `more` is searched too, but never by its beginning. */
export function searchable(name: string, more = ''): Searchable {
  const folded = `${fold(name)}${separator}${fold(more)}`
  return { folded, trigrams: trigramText(folded) }
}

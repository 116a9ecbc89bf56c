import { array, assert, constantFrom, property } from 'fast-check'
import { expect, test } from 'vitest'
import { fold, searchable, trigramText } from '../../src/folding.ts'

/** Every character of Unicode but the Chinese ones and those for private use, of which none has another form by case. */
const characters: string[] = []
for (let code = 1; code <= 0x1ffff; code++) {
  const character = String.fromCodePoint(code)
  if (/\p{Assigned}/u.test(character) && !/[\p{Unified_Ideograph}\p{Co}\p{Cs}]/u.test(character)) characters.push(character)
}

test('every letter is equal to its upper and its lower case, to its other forms, and to its fold', () => {
  const different = characters.filter((letter) => {
    const folded = fold(letter)
    const forms = [letter.toLowerCase(), letter.toUpperCase(), letter.toUpperCase().toLowerCase(), letter.normalize('NFD'), letter.normalize('NFC'), folded]
    return forms.some((form) => fold(form) !== folded)
  })
  expect(different).toEqual([])
})

const equal: [language: string, texts: string[]][] = [
  ['Greek, with a sigma that is written in another way at the end of a word', ['Οδυσσεύς', 'ΟΔΥΣΣΕΎΣ', 'οδυσσεύσ']],
  ['Greek, with an iota below', ['ᾠδή', 'ᾨΔΉ', 'ὨΙΔΉ']],
  ['Cyrillic', ['Москва', 'МОСКВА', 'москва']],
  ['Turkish', ['İstanbul', 'ISTANBUL', 'istanbul', 'ıstanbul', 'i̇stanbul']],
  ['German', ['Straße', 'STRASSE', 'STRAẞE', 'strasse']],
  ['letters with marks', ['École', 'E\u0301COLE', 'e\u0301cole']],
  ['several marks in any order', ['ị̂', 'I\u0302\u0323', 'i\u0323\u0302']],
  ['Armenian, with a ligature', ['և', 'եւ', 'ԵՒ']],
  ['Deseret, beyond the first plane', ['𐐀', '𐐨']],
]
for (const [language, texts] of equal) {
  test(`equal texts are equal without case: ${language}`, () => {
    expect(new Set(texts.map(fold))).toHaveProperty('size', 1)
  })
}

test('different letters stay different', () => {
  const letters = ['e', 'é', 'e\u0302', 'и', 'й', 'σ', 'o', 'ö', 'a', 'å', 'n', 'ñ', '-', '_', 'l', '1', '0']
  expect(new Set(letters.map(fold)).size).toBe(letters.length)
})

test('the fold of a part is a part of the fold, wherever it is cut', () => {
  const pieces = array(constantFrom('a', 'Σ', 'ς', 'İ', 'I', 'ı', 'ß', 'ẞ', 'É', 'e\u0301', 'ﬁ', 'Ж', 'ΐ', 'ᾼ', 'ŉ', ' ', '-', '%', '東', '𐐀'))
  assert(
    property(pieces, pieces, pieces, (before, part, after) => {
      const whole = searchable([...before, ...part, ...after].join(''))
      const sought = fold(part.join(''))
      return whole.folded.includes(sought) && whole.trigrams.includes(trigramText(sought))
    }),
  )
})

test('trigrams are made of letters and digits of ASCII, one for each character; these stay themselves, and others become digits', () => {
  expect(characters.filter((letter) => !/^[a-z0-9]$/.test(trigramText(letter)))).toEqual([])
  expect(characters.filter((letter) => (trigramText(letter) === letter) !== /[a-z0-9]/.test(letter))).toEqual([])
  expect(trigramText('key-1 東京 straße')).toHaveLength(15)
  expect(trigramText('abc123')).toBe('abc123')
  // As a letter, any of these could make a text that nobody has look like one that everybody has.
  expect(characters.filter((letter) => !/[a-z0-9]/.test(letter) && !/^[1-9]$/.test(trigramText(letter)))).toEqual([])
})

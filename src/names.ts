import { badInput } from './errors.ts'

// Control, format-only and separator characters, and halves of surrogate pairs, hide what a name really is.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u

// Any character that is drawn: no space, no character that only changes how others are drawn, and no blank letter (fillers, the empty
// Braille pattern, the empty note head).
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Cs}\u115F\u1160\u2800\u3164\uFFA0\u{1D159}]/u

/** Returns the name trimmed and in NFC; throws BAD_USER_INPUT unless it then has 1 to 64 printable characters, one of them visible. */
export function parseName(field: string, text: string): string {
  const name = text.trim().normalize('NFC')
  if (name === '') throw badInput(field, 'must not be empty')
  if (unprintable.test(name)) throw badInput(field, 'must not contain control characters or broken Unicode')
  if (!visible.test(name)) throw badInput(field, 'must have a visible character')
  if ([...name].length > 64) throw badInput(field, 'must have at most 64 characters')
  return name
}

export const isSlug = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(text)

/** 1 to 64 of a-z, 0-9 and inner hyphens. */
export function parseSlug(field: string, text: string): string {
  if (!isSlug(text)) throw badInput(field, 'must have 1 to 64 of a-z, 0-9 and inner hyphens')
  return text
}

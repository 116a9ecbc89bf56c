import { badInput } from './errors.ts'

// Control, format-only and separator characters, and halves of surrogate pairs, hide what a name really is.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u

/** The name trimmed and in NFC; BAD_USER_INPUT on `field` unless it then has 1 to 64 printable characters. */
export function parseName(field: string, text: string): string {
  const name = text.trim().normalize('NFC')
  if (name === '') throw badInput(field, 'must not be empty')
  if (unprintable.test(name)) throw badInput(field, 'must not contain control characters or broken Unicode')
  if ([...name].length > 64) throw badInput(field, 'must have at most 64 characters')
  return name
}

export const isSlug = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(text)

/** 1 to 64 of a-z, 0-9 and inner hyphens. */
export function parseSlug(field: string, text: string): string {
  if (!isSlug(text)) throw badInput(field, 'must have 1 to 64 of a-z, 0-9 and inner hyphens')
  return text
}

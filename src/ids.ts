import { fromString, typeidUnboxed } from 'typeid-js'

export type IdPrefix = 'org' | 'mem' | 'app' | 'ins' | 'key' | 'sec' | 'evt'

/** A new TypeID: the prefix, an underscore and a UUIDv7 in 26 characters of base 32. */
export const newId = (prefix: IdPrefix): string => typeidUnboxed(prefix)

/** Whether the text is a well-formed TypeID with this prefix. */
export function isId(text: string, prefix: IdPrefix): boolean {
  if (!text.startsWith(`${prefix}_`)) return false
  try {
    fromString(text, prefix)
    return true
  } catch {
    return false
  }
}

/** Filters texts that contain this one; ASCII case is ignored (names collate as "C"), and `%` and `_` are literal characters. */
export const containing = (part: string) => ({ contains: part.normalize('NFC').replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' as const })

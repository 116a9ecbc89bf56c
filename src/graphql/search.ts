/** A filter on texts that contain this one, ASCII letters in either case (names collate as "C"); `%` and `_` stand for themselves. */
export const containing = (part: string) => ({ contains: part.normalize('NFC').replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' as const })

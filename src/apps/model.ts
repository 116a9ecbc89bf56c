/** More apps than this an organization cannot have. */
export const maxApps = 200

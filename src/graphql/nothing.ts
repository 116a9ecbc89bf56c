/** Returns null when there is no row. It reads the selection, because the Prisma plugin reports a field that ignores it. */
export function nothing(query: object): null {
  Object.values(query)
  return null
}

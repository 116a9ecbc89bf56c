import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestServer } from '../support/server.ts'

/** What must not be found: a text, or bytes. */
export type Hidden = string | Uint8Array

/** The part of a text that gives it away: of a key what comes after its id, which is public. */
const telling = (hidden: Hidden): Buffer =>
  typeof hidden === 'string' ? Buffer.from(/^aura_[0-9a-z]{26}_/.test(hidden) ? hidden.slice(32) : hidden) : Buffer.from(hidden)

/** Of base64 what does not depend on its neighbours, at all three alignments. */
const base64 = (bytes: Buffer): string[] =>
  [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  )

const plain = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/')

/** Every form that it could stand in. Of long ones the start is enough: what prints bytes often stops after fifty. */
export function forms(hidden: Hidden): string[] {
  const bytes = telling(hidden)
  const start = bytes.subarray(0, 16)
  const hex = start.toString('hex')
  const percent = (of: string): string => of.replace(/../g, '%$&')
  return [
    ...(typeof hidden === 'string' ? [bytes.toString(), encodeURIComponent(bytes.toString())] : [bytes.toString('latin1')]),
    hex,
    hex.toUpperCase(),
    percent(hex),
    percent(hex.toUpperCase()),
    start.join(','),
    ...base64(bytes),
    ...base64(bytes).map(plain),
  ]
}

/** Which of them stand in the text, whole or as the start of bytes, however the bytes are written. */
export function hits(haystack: string, hidden: readonly Hidden[]): Hidden[] {
  const searched = [
    haystack,
    plain(haystack),
    // Bytes as JSON or as Node prints them: "0": 97, "1": 117; 97, 117; <Buffer 61 75>
    haystack.replace(/"?\d+"?:\s*(?=\d)/g, '').replace(/\s+/g, ''),
  ]
  return hidden.filter((each) => forms(each).some((form) => searched.some((text) => text.includes(form))))
}

/** Every row of every table, as text. */
export async function dump(server: Pick<TestServer, 'sql'>): Promise<string> {
  const tables = await server.sql<{ name: string }>("SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'")
  if (tables.length < 11) throw new Error('tables are missing')
  const rows = await Promise.all(tables.map(({ name }) => server.sql<{ row: string }>(`SELECT t::text AS row FROM "${name}" t ORDER BY 1`)))
  return rows.flatMap((of, index) => of.map(({ row }) => `${tables[index]?.name} ${row}`)).join('\n')
}

/** Every file below the folder that holds one of them in any form, with how many files were read. One pass, however many are looked for. */
export function filesWith(folder: string, hidden: readonly Hidden[]): { read: number; found: string[] } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const needles = new Map<number, Buffer[]>()
  for (const form of new Set(hidden.flatMap(forms))) {
    const bytes = Buffer.from(form, 'latin1')
    const start = bytes.readInt32BE(0)
    needles.set(start, [...(needles.get(start) ?? []), bytes])
  }
  const isFound = (bytes: Buffer): boolean => {
    let last = 0
    for (let at = 0; at < bytes.length; at++) {
      last = (last << 8) | (bytes[at] ?? 0)
      for (const needle of needles.get(last) ?? []) if (bytes.compare(needle, 0, needle.length, at - 3, at - 3 + needle.length) === 0) return true
    }
    return false
  }
  const paths = files.map((file) => join(file.parentPath, file.name))
  return { read: paths.length, found: paths.filter((path) => isFound(readFileSync(path))) }
}

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'

/** Source texts by path from the project's root. */
export type Files = ReadonlyMap<string, string>

const slashes = (path: string): string => path.replaceAll('\\', '/')

/** Every file below the folder that ends so, generated ones left out. */
export function readFiles(folder: string, ...endings: readonly string[]): Files {
  const wanted = endings.length > 0 ? endings : ['.ts']
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => slashes(join(folder, path)))
  return new Map(
    paths
      .filter((path) => wanted.some((ending) => path.endsWith(ending)) && !/\/(generated|node_modules)\//.test(path))
      .sort()
      .map((path) => [path, readFileSync(path, 'utf8')]),
  )
}

/** What a file imports, as paths of the project or names of packages; imports of types count as well. */
export function importsOf(files: Files, path: string): string[] {
  const { importedFiles } = ts.preProcessFile(files.get(path) ?? '', true, true)
  return importedFiles.map(({ fileName }) => (fileName.startsWith('.') ? slashes(normalize(join(dirname(path), fileName))) : fileName))
}

/** Every import of a file of the project by another. */
export const edgesOf = (files: Files): [from: string, to: string][] =>
  [...files.keys()].flatMap((from) =>
    importsOf(files, from)
      .filter((to) => files.has(to))
      .map((to): [string, string] => [from, to]),
  )

/** One cycle of imports, if there is any. */
export function findCycle(files: Files): string[] | null {
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (done.has(path)) return null
    for (const to of importsOf(files, path).filter((name) => files.has(name))) {
      const cycle = visit(to, [...trail, path])
      if (cycle) return cycle
    }
    done.add(path)
    return null
  }
  for (const path of files.keys()) {
    const cycle = visit(path, [])
    if (cycle) return cycle
  }
  return null
}

import { edgesOf, type Files } from './imports.ts'

/**
 * Folders of `src/`, and files beside them, in the order in which they import: each only from those before it. Models of features are pure, and
 * stand before all of them.
 */
export const folders = [
  'client',
  'errors.ts',
  'ids.ts',
  'names.ts',
  'folding.ts',
  'turns.ts',
  'time.ts',
  'async-variable.ts',
  'environment.ts',
  'setting.ts',
  'settings.ts',
  'config.ts',
  'crypto',
  'access',
  'models of features',
  'store',
  'topic.ts',
  'ports.ts',
  'live',
  'graphql',
  'members',
  'organizations',
  'apps',
  'instances',
  'secrets',
  'keys',
  'events',
  'sessions',
  'verification',
  'nodes',
  'change',
  'authentication',
  'server-secrets.ts',
  'jobs.ts',
  'api',
  'server',
  'compose.ts',
  'listen.ts',
  'cli',
  'main.ts',
]

export const folderAt = (path: string): string => (/^src\/[^/]+\/model\.ts$/.test(path) ? 'models of features' : (path.split('/')[1] ?? ''))

/** Pairs of folders of which the first imports from one that stands after it, with the files. */
export function upwardPairs(files: Files): ReadonlyMap<string, readonly string[]> {
  const pairs = new Map<string, string[]>()
  for (const [from, to] of edgesOf(files)) {
    const [lower, upper] = [folderAt(from), folderAt(to)]
    if (folders.indexOf(upper) <= folders.indexOf(lower)) continue
    const pair = `${lower} → ${upper}`
    pairs.set(pair, [...(pairs.get(pair) ?? []), `${from} → ${to}`])
  }
  return pairs
}

/** Folders that have no place in the order. */
export const unplaced = (files: Files): string[] => [...new Set([...files.keys()].map(folderAt))].filter((folder) => !folders.includes(folder))

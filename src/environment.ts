import { readFileSync } from 'node:fs'
import { distance } from 'fastest-levenshtein'

export type Environment = Readonly<Record<string, string | undefined>>

/** What was found in the environment, before any value is checked. No text repeats a value, since a value may be a secret. */
export interface Given {
  /** Values by the names of settings; those that are unset or empty are left out. */
  readonly values: Readonly<Record<string, string>>
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** What env files, shells and editors leave around a value; null if there is nothing. */
function leftAround(text: string): string | null {
  if (text.startsWith('\uFEFF')) return 'a byte order mark in front of it'
  if (/\r$/.test(text)) return 'a carriage return at its end: the file has the line ends of Windows'
  if (text !== text.trim()) return 'white space around it'
  if (/\p{Cc}/u.test(text)) return 'a control character in it'
  return /^(["'`]).*\1$/su.test(text) ? 'quotes around it: env files of Docker and systemd keep them' : null
}

/** The text of a file that a setting names; secrets in files end with a line break. */
function readNamed(name: string, path: string): { value?: string; problem?: string } {
  try {
    return { value: readFileSync(path, 'utf8').trimEnd() }
  } catch (error) {
    return { problem: `${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no file'})` }
  }
}

/** A setting that a name was probably meant to be. */
function meant(name: string, known: readonly string[]): string | undefined {
  const plain = name.replaceAll(/[^\w]/g, '').toUpperCase()
  return known.find((each) => each !== name && distance(plain, each) <= (each.length > 6 ? 2 : each.length > 4 ? 1 : 0))
}

/** Reads the settings `names` of an environment; each of `secrets` may come from a file, which `<name>_FILE` names. */
export function readEnvironment(environment: Environment, names: readonly string[], secrets: readonly string[]): Given {
  const values: Record<string, string> = {}
  const problems: string[] = []
  const files = secrets.map((name) => `${name}_FILE`)
  const known = [...names, ...files]
  const take = (name: string, text: string): void => {
    const left = leftAround(text)
    if (left !== null) problems.push(`${name} has ${left}; remove it`)
    else values[name] = text
  }
  for (const name of names) if (environment[name]) take(name, environment[name])
  for (const [at, file] of files.entries()) {
    const [name = '', path] = [secrets[at], environment[file]]
    if (!path) continue
    const { value, problem } = readNamed(file, path)
    if (environment[name]) problems.push(`${name} and ${file} are both set: unset one of them`)
    else if (value === undefined) problems.push(problem ?? file)
    else if (value === '') problems.push(`${file} names an empty file`)
    else take(name, value)
  }
  const warnings = Object.keys(environment).flatMap((name) => {
    const setting = known.includes(name) ? undefined : meant(name, known)
    return setting === undefined ? [] : [`${JSON.stringify(name)} is no setting and has no effect; ${setting} is one`]
  })
  return { values, problems, warnings }
}

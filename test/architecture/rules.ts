import ts from 'typescript'
import { edgesOf, type Files, importsOf } from './imports.ts'

export const features = ['organizations', 'apps', 'instances', 'members', 'keys', 'secrets', 'events', 'sessions']

/** The file names that every feature speaks; besides them only use cases, `<verb>-<noun>.ts`. */
const alphabet = ['model.ts', 'store.ts', 'rules.ts', 'schema.ts', 'queries.ts', 'mutations.ts', 'subscriptions.ts']

const nameOf = (path: string): string => path.split('/').at(-1) ?? ''
const folderOf = (path: string): string => path.split('/').at(-2) ?? ''

/** The feature that a file belongs to, if to any. */
export const featureOf = (path: string): string | null => features.find((feature) => path.startsWith(`src/${feature}/`)) ?? null

export const isUseCase = (path: string): boolean => featureOf(path) !== null && !alphabet.includes(nameOf(path))

const ranks = ['pure', 'store', 'ports', 'use case or adapter', 'schema', 'transport', 'compose', 'command line'] as const
export type Rank = (typeof ranks)[number]

const pure =
  /^src\/(errors|ids|names|folding|time|turns|async-variable|environment|settings?|config)\.ts$|^src\/(crypto|access)\/|\/model\.ts$|^src\/verification\/decide\.ts$/
const stores = /\/store\.ts$|^src\/store\//
const ports = /^src\/(ports|topic)\.ts$/
const schema = /^src\/(graphql|api)\/|\/(schema|queries|mutations|subscriptions|rules)\.ts$/
const transport = /^src\/server\//
const compose = /^src\/(compose|listen|jobs|server-secrets)\.ts$/
const commandLine = /^src\/(main\.ts|cli\/)/

/** Where a file stands; it may import only what stands at its own place or before it. */
export function rankOf(path: string): Rank {
  if (pure.test(path)) return 'pure'
  if (stores.test(path)) return 'store'
  if (ports.test(path)) return 'ports'
  if (schema.test(path)) return 'schema'
  if (transport.test(path)) return 'transport'
  if (compose.test(path)) return 'compose'
  return commandLine.test(path) ? 'command line' : 'use case or adapter'
}

const show = ([from, to]: [string, string]): string => `${from} → ${to}`

export const againstRanks = (files: Files): string[] =>
  edgesOf(files)
    .filter(([from, to]) => ranks.indexOf(rankOf(to)) > ranks.indexOf(rankOf(from)))
    .map(show)

/**
 * Features meet only through a model or a use case; everything else of a feature is its own. An event is recorded through the ports, and a type
 * of another feature is named, not imported.
 */
export const acrossFeatures = (files: Files): string[] =>
  edgesOf(files)
    .filter(([from, to]) => featureOf(from) !== null && featureOf(to) !== null && featureOf(from) !== featureOf(to))
    .filter(([, to]) => nameOf(to) !== 'model.ts' && !isUseCase(to))
    .map(show)

const adapter = /^src\/(live|server|store|change|authentication|nodes)\/|^src\/graphql\/(guard|rules)\.ts$/

/** A use case knows ports only, and no adapter knows a use case. */
export const useCasesAndAdapters = (files: Files): string[] =>
  edgesOf(files)
    .filter(([from, to]) => (isUseCase(from) && adapter.test(to)) || (adapter.test(from) && isUseCase(to)))
    .map(show)

const environment = /\bprocess\s*(\?\.|\.)?\s*(env\b|\[\s*['"`]env)|\benv\b[^{}]*\}\s*=\s*(globalThis\.)?process\b/

/** Files that read the environment, other than the configuration. */
export const environmentReaders = (files: Files): string[] =>
  [...files.keys()]
    .filter((path) => path !== 'src/config.ts')
    .filter((path) => environment.test(files.get(path) ?? '') || importsOf(files, path).some((name) => name === 'process' || name === 'node:process'))

/** Files that import Prisma's client, other than stores. */
export const clientUsers = (files: Files): string[] =>
  [...files.keys()].filter(
    (path) =>
      importsOf(files, path).some((name) => /generated\/prisma\/(client|models)|^@prisma\//.test(name)) &&
      nameOf(path) !== 'store.ts' &&
      folderOf(path) !== 'store',
  )

export const longFiles = (files: Files): string[] => [...files].filter(([, text]) => text.split('\n').length > 251).map(([path]) => path)

/** The fields that a call of Pothos' builder defines: an argument of it, or a property of one. */
function isOfBuilder(node: ts.Node): boolean {
  const outer = ts.isPropertyAssignment(node.parent) ? node.parent.parent.parent : node.parent
  return ts.isCallExpression(outer) && /^builder\.\w+$/.test(outer.expression.getText())
}

/** A store, or the fields of a type: it does nothing but list what it has, so that its length says nothing of how hard it is to read. */
function isList(path: string, node: ts.Node): boolean {
  if (!ts.isArrowFunction(node) || !ts.isParenthesizedExpression(node.body) || !ts.isObjectLiteralExpression(node.body.expression)) return false
  const isStore = nameOf(path) === 'store.ts' && ts.isVariableDeclaration(node.parent) && /Store$/.test(node.parent.name.getText())
  return isStore || isOfBuilder(node)
}

const maxFunctionLines = 80

/** Functions that are too long, with all that is nested in them, by path and line. */
export const longFunctions = (files: Files): string[] =>
  [...files].flatMap(([path, text]) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1
    const long: string[] = []
    const visit = (node: ts.Node): void => {
      const first = lineAt(node.getStart(source))
      if (ts.isFunctionLike(node) && lineAt(node.getEnd()) - first >= maxFunctionLines && !isList(path, node)) long.push(`${path}:${first}`)
      ts.forEachChild(node, visit)
    }
    visit(source)
    return long
  })

const magnets = /\/(utils?|shared|common|helpers?|misc|lib)(\/|\.ts$)|Manager/
export const badNames = (files: Files): string[] =>
  [...files.keys()].filter(
    (path) => magnets.test(path) || !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)+[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|bench|prove|config))?\.ts$/.test(path),
  )

/** Names of functions and constants that a file exports; types do not count. */
export function exportedValues(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  return source.statements.flatMap((statement) => {
    const exported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
    if (!exported) return []
    if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? 'default']
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map((declaration) => (declaration.name as ts.Identifier).text)
    return ts.isClassDeclaration(statement) ? [statement.name?.text ?? 'default'] : []
  })
}

/** Types on rows that read every column, since they do not say which. */
export const wholeRows = (files: Files): string[] =>
  [...files]
    .filter(([path, text]) => {
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
      const visit = (node: ts.Node): boolean => {
        const isRow = ts.isCallExpression(node) && /\bprisma(Object|Interface|Node)$/.test(node.expression.getText())
        const options = isRow ? node.arguments[1] : undefined
        const selects = options && ts.isObjectLiteralExpression(options) && options.properties.some((property) => property.name?.getText() === 'select')
        return (isRow && !selects) || (ts.forEachChild(node, (child) => visit(child) || undefined) ?? false)
      }
      return visit(source)
    })
    .map(([path]) => path)

const camelCase = (name: string): string => name.replace(/\.ts$/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Use cases that export anything but the one function of their name. */
export const oddUseCases = (files: Files): string[] =>
  [...files].filter(([path, text]) => isUseCase(path) && exportedValues(path, text).join() !== camelCase(nameOf(path))).map(([path]) => path)

/** Use cases whose first parameter is not `Pick<Ports, …>`, which says what they need. */
export const needsUntold = (files: Files): string[] =>
  [...files]
    .filter(([path]) => isUseCase(path))
    .filter(([path, text]) => {
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
      const [named] = source.statements.filter(ts.isFunctionDeclaration).filter((statement) => statement.name?.text === camelCase(nameOf(path)))
      return !/^Pick<Ports, /.test(named?.parameters[0]?.type?.getText() ?? '')
    })
    .map(([path]) => path)

/** Whether a text names the port `change`: in a `Pick`, as a property, or taken out of an object. */
function namesChange(path: string, text: string): boolean {
  const visit = (node: ts.Node): boolean => {
    const isProperty = ts.isPropertyAccessExpression(node) && node.name.text === 'change'
    const isTaken = ts.isBindingElement(node) && ((node.propertyName ?? node.name) as ts.Identifier).text === 'change'
    return (
      isProperty ||
      isTaken ||
      (ts.isStringLiteralLike(node) && node.text === 'change') ||
      (ts.forEachChild(node, (child) => visit(child) || undefined) ?? false)
    )
  }
  return /\bchange\b/.test(text) && visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
}

/** Files that could change something for an actor without a look before the lock: only use cases that know no actor take `change` itself. */
export const changesUnlooked = (files: Files): string[] =>
  [...files].filter(([path, text]) => namesChange(path, text) && (!isUseCase(path) || /\bactor\b|\/access\//.test(text))).map(([path]) => path)

/** Features that decide by a role, or by which rows are in sight, what somebody may do. A store filters rows, and `member.role` is of the one who is changed. */
export const rightsSaidAgain = (files: Files): string[] =>
  [...files]
    .filter(([path]) => featureOf(path) !== null && nameOf(path) !== 'store.ts')
    .filter(([, text]) => /\b(scope|actor|viewer)\.(all\b|role\s*[!=]==)|\(\{ (all|role) \}\) =>/.test(text))
    .map(([path]) => path)

/** Links of a document, and paths in its code, that lead nowhere; `exists` is asked with paths from the project's root. */
export function deadPaths(text: string, exists: (path: string) => boolean): string[] {
  const links = [...text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '')
  const code = [...text.matchAll(/(?<![@\w/.-])(?:src|test|schema|prisma|examples|scripts|docs)\/[\w./*<>-]*/g)].map((match) => match[0].replace(/[./]+$/, ''))
  // `<verb>-<noun>.ts` and the like stand for any name.
  return [...new Set([...links, ...code])].filter((path) => !/[<>*]/.test(path) && !exists(path))
}

/** Rule files that could let somebody in when a rule throws. */
export const negatedRules = (files: Files): string[] =>
  [...files]
    .filter(
      ([path, text]) =>
        (nameOf(path) === 'rules.ts' || path.startsWith('src/access/') || path === 'src/graphql/guard.ts') && /\bnot\s*\(|\b(chain|race)\b\s*[,(]/.test(text),
    )
    .map(([path]) => path)

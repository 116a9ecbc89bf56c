import { buildSchema, type DocumentNode, type ExecutionArgs, Lexer, parse, Source, type ValidationRule, validate } from 'graphql'
import { expect, test } from 'vitest'
import { printSchema } from '../../src/api/print-schema.ts'
import { limitRules } from '../../src/graphql/limits.ts'
import { literals } from '../../src/graphql/literals.ts'
import { priceErrors } from '../../src/graphql/price.ts'
import { analyse } from '../../src/graphql/shareable.ts'

const schema = buildSchema(printSchema())

/** Reads of one token's nodes that a rule may need; graphql-js' own walk takes some. */
const visitsPerToken = 10

/** The document, in which whoever asks a node for its kind or its selections is counted, and stopped when that is too often. */
function counting(document: DocumentNode, most: number): { document: DocumentNode; visits(): number } {
  let visits = 0
  const proxies = new WeakMap<object, object>()
  const wrap = (target: object): object => {
    const known = proxies.get(target)
    if (known) return known
    const proxy = new Proxy(target, {
      get: (node, name) => {
        if (['kind', 'selectionSet', 'selections'].includes(String(name)) && ++visits > most) throw new Error(`more than ${most} visits`)
        const value: unknown = Reflect.get(node, name)
        return typeof value === 'object' && value !== null && (Array.isArray(value) || 'kind' in value) ? wrap(value) : value
      },
    })
    proxies.set(target, proxy)
    return proxy
  }
  return { document: wrap(document) as DocumentNode, visits: () => visits }
}

function countTokens(text: string): number {
  const lexer = new Lexer(new Source(text))
  let tokens = 0
  while (lexer.advance().kind !== '<EOF>') tokens++
  return tokens
}

/** Which fragments the fragment with this number spreads, of so many. */
const shapes: Record<string, (at: number, of: number) => number[]> = {
  chain: (at) => [at + 1],
  'chain of doubles': (at) => [at + 1, at + 1],
  diamonds: (at) => (at % 3 === 0 ? [at + 1, at + 2] : [at + 3 - (at % 3)]),
  ladder: (at) => [at + 1, at + 2],
  'complete graph': (at, of) => Array.from({ length: of - at - 1 }, (_, index) => at + 1 + index),
  star: (at, of) => (at === 0 ? Array.from({ length: of - 1 }, (_, index) => index + 1) : []),
  cycle: (at, of) => [(at + 1) % of],
  'cycles of doubles': (at, of) => [(at + 1) % of, (at + 1) % of, (at + 2) % of],
  'everything spreads much': (_, of) => Array.from({ length: Math.min(of, 50) }, (_, index) => index),
}
const isCyclic = (shape: string): boolean => /cycle|everything/.test(shape)

/** A field of each root type, good, and with a literal of the wrong type; without any, counts stay at zero however long they take. */
const fields = {
  query: ['Query', 'apiKeys(first: 1) { edges { node { id } } }', 'apiKeys(filter: { search: 1 }) { totalCount }'],
  mutation: ['Mutation', 'createApp(input: { slug: "s", name: "n" }) { app { id } }', 'createApp(input: { slug: 1, name: "n" }) { app { id } }'],
  subscription: ['Subscription', 'keyCounts(instanceId: "i") { total }', 'keyCounts(instanceId: true) { total }'],
} as const

type Content = 'good' | 'wrong' | 'nothing'

function write(operation: keyof typeof fields, spreads: (typeof shapes)[string], of: number, content: Content): string {
  const [type, good, wrong] = fields[operation]
  const fragments = Array.from({ length: of }, (_, at) => {
    const spread = spreads(at, of).filter((other) => other < of)
    const inner = { good: `...{ ${good} }`, wrong: `...{ ${wrong} }`, nothing: '...Nowhere' }[content]
    return `fragment F${at} on ${type} { ${spread.map((other) => `...F${other}`).join(' ')} ${inner} }`
  })
  return `${operation} { ...F0 ...{ ...F0 } } ${fragments.join(' ')}`
}

/** Every document with the most visits that it may cost, made once for all rules. */
function createDocuments(content: Content, ofShape: (shape: string) => boolean) {
  return (['query', 'mutation', 'subscription'] as const).flatMap((operation) =>
    Object.entries(shapes)
      .filter(([shape]) => ofShape(shape))
      .flatMap(([shape, spreads]) =>
        [10, 50, 200].map((of) => {
          const text = write(operation, spreads, of, content)
          return { name: `${operation}, ${shape} of ${of} with ${content}`, document: parse(text), most: countTokens(text) * visitsPerToken }
        }),
      ),
  )
}
const valid = createDocuments('good', (shape) => !isCyclic(shape))
const invalid = [...createDocuments('wrong', () => true), ...createDocuments('nothing', () => true)]

const underRule =
  (rule: ValidationRule) =>
  (document: DocumentNode): void =>
    void validate(schema, document, [rule], { maxErrors: Number.POSITIVE_INFINITY })

/** Whatever of ours walks through documents. */
const walks: Record<string, { walk: (document: DocumentNode) => void; needsValid?: boolean }> = {
  ...Object.fromEntries(limitRules({ introspection: false }).map((rule, index) => [`limit ${rule.name || index}`, { walk: underRule(rule) }])),
  literals: { walk: underRule(literals) },
  'what subscribers share': { walk: (document) => void analyse(schema, document), needsValid: true },
  price: {
    walk: (document) =>
      void priceErrors({ schema, document, variableValues: {}, contextValue: { pace: { expect: () => undefined } } } as unknown as ExecutionArgs),
    needsValid: true,
  },
}

for (const [name, { walk, needsValid = false }] of Object.entries(walks)) {
  test(`the visits of a rule grow with the tokens of the document, whatever its fragments spread: ${name}`, () => {
    for (const { name: what, document, most } of needsValid ? valid : invalid) {
      const counted = counting(document, most)
      expect(() => walk(counted.document), what).not.toThrow()
      // A counter that is never asked would hold nothing.
      expect(counted.visits()).toBeGreaterThan(0)
    }
  })
}

test('a walk that follows every spread is noticed', () => {
  const long = valid.find(({ name }) => name === 'mutation, chain of doubles of 50 with good')
  const { document } = counting(long?.document ?? parse('{ a }'), long?.most ?? 0)
  const follow = (set: { selections: readonly { kind: string }[] }): number =>
    set.selections.reduce((sum, selection) => {
      const { name, selectionSet } = selection as { name?: { value: string }; selectionSet?: { selections: readonly { kind: string }[] } }
      const fragment = selection.kind === 'FragmentSpread' && document.definitions.find((each) => 'name' in each && each.name?.value === name?.value)
      const inner = fragment && 'selectionSet' in fragment ? fragment.selectionSet : selectionSet
      return sum + (inner ? follow(inner) : 1)
    }, 0)
  const [operation] = document.definitions
  expect(() => operation && 'selectionSet' in operation && follow(operation.selectionSet)).toThrow('visits')
})

import { type DocumentNode, type GraphQLError, type GraphQLSchema, parse, specifiedRules, ValuesOfCorrectTypeRule, validate, visit } from 'graphql'
import { LRUCache } from 'lru-cache'
import { maxErrors } from '../graphql/few-errors.ts'
import { limitRules, maxTokens } from '../graphql/limits.ts'
import { literals } from '../graphql/literals.ts'

/** What a kept document takes: measured, and a little more. A text of characters beyond Latin-1 has two bytes for each. */
const bytesPerCharacter = 2
const bytesPerNode = 250
const bytesPerDocument = 2_000

const rules = specifiedRules.map((rule) => (rule === ValuesOfCorrectTypeRule ? literals : rule))

// graphql-js adds one that says that it stopped.
const options = { maxErrors: maxErrors - 1 }

export interface Documents {
  /** Parses and checks a text; throws what makes it no GraphQL. Nothing of it is kept. */
  read(text: string): { readonly document: DocumentNode; readonly errors: readonly GraphQLError[] }
  /** Keeps a document without errors for whoever sends the same text again: called once its sender is known. */
  keep(document: DocumentNode): void
  /** What the kept ones take. */
  readonly bytes: number
}

/** Takes the lexer's tokens off the nodes, which are most of a document's memory, and leaves where each node stands. Answers how many nodes there are. */
function withoutTokens(document: DocumentNode): number {
  let nodes = 0
  visit(document, {
    enter: (node) => {
      nodes++
      if (node.loc) Object.assign(node, { loc: { start: node.loc.start, end: node.loc.end, source: node.loc.source } })
    },
  })
  return nodes
}

/** Documents are parsed and checked here, with the limits that hold on every transport, before anything asks who sends them. */
export function createDocuments(schema: GraphQLSchema, { introspection, cacheBytes }: { introspection: boolean; cacheBytes: number }): Documents {
  const kept = new LRUCache<string, DocumentNode>({ maxSize: cacheBytes })
  const limits = limitRules({ introspection })
  /** What the documents without errors take. */
  const sizes = new WeakMap<DocumentNode, number>()

  return {
    read: (text) => {
      const known = kept.get(text)
      if (known) return { document: known, errors: [] }
      const document = parse(text, { maxTokens })
      const nodes = withoutTokens(document)
      // Alone and first: a document beyond the limits is not worth the work of the other rules, nor an error for each of its parts.
      const beyond = validate(schema, document, limits, options)
      const errors = beyond.length > 0 ? beyond : validate(schema, document, rules, options)
      if (errors.length === 0) sizes.set(document, bytesPerDocument + text.length * bytesPerCharacter + nodes * bytesPerNode)
      return { document, errors }
    },
    keep: (document) => {
      const size = sizes.get(document)
      const text = document.loc?.source.body
      if (size !== undefined && text !== undefined && !kept.has(text)) kept.set(text, document, { size })
    },
    get bytes() {
      return kept.calculatedSize
    },
  }
}

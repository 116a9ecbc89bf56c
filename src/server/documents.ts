import { type DocumentNode, type GraphQLError, type GraphQLSchema, parse, specifiedRules, ValuesOfCorrectTypeRule, validate, visit } from 'graphql'
import { LRUCache } from 'lru-cache'
import { maxErrors } from '../graphql/few-errors.ts'
import { limitRules, maxTokens } from '../graphql/limits.ts'
import { literals } from '../graphql/literals.ts'

/** Memory of a kept document and of its plans: measured, plus a margin. A text with characters beyond Latin-1 has two bytes for each. */
const bytesPerCharacter = 2
const bytesPerNode = 450
const bytesPerDocument = 2_000

const rules = specifiedRules.map((rule) => (rule === ValuesOfCorrectTypeRule ? literals : rule))

// graphql-js adds an error when it stops.
const options = { maxErrors: maxErrors - 1 }

export interface Documents {
  /** Parses and validates a text; throws syntax errors. Keeps nothing of it. */
  read(text: string): { readonly document: DocumentNode; readonly errors: readonly GraphQLError[] }
  /** A kept document; undefined if the text is not known. */
  known(text: string): DocumentNode | undefined
  /** Keeps a document without errors for later requests with the same text: called once its sender is known. */
  keep(document: DocumentNode): void
  /** Size of kept documents. */
  readonly bytes: number
}

/** Removes the lexer's tokens, which are most of a document's memory, from the nodes, and keeps their positions. Returns the number of nodes. */
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

/** Parses and validates documents, with the limits that hold on every transport, before the sender's member is read. */
export function createDocuments(schema: GraphQLSchema, { introspection, cacheBytes }: { introspection: boolean; cacheBytes: number }): Documents {
  const kept = new LRUCache<string, DocumentNode>({ maxSize: cacheBytes })
  const limits = limitRules({ introspection })
  /** The sizes of documents without errors. */
  const sizes = new WeakMap<DocumentNode, number>()

  return {
    known: (text) => kept.get(text),
    read: (text) => {
      const known = kept.get(text)
      if (known) return { document: known, errors: [] }
      const document = parse(text, { maxTokens })
      const nodes = withoutTokens(document)
      // Limits first and alone: a document beyond them is not worth the work of the other rules, nor an error for each part.
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

import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { CombinedError, stringifyDocument } from '@urql/core'
import { sessionMayHaveEnded } from './session-end.ts'

/**
 * A mutation whose answer holds what nobody may find later: it passes no cache, no exchange and no devtools, and only the caller has the answer.
 */
export async function sendOnce<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  let response: Response | undefined
  try {
    response = await fetch('/graphql', {
      method: 'POST',
      headers: { accept: 'application/graphql-response+json, application/json', 'content-type': 'application/json' },
      cache: 'no-store',
      body: JSON.stringify({ query: stringifyDocument(document), variables }),
    })
    if (response.status === 401) sessionMayHaveEnded()
    const { data, errors } = (await response.json()) as { data?: Data; errors?: object[] }
    if (errors) throw new CombinedError({ graphQLErrors: errors, response })
    return data as Data
  } catch (error) {
    if (error instanceof CombinedError) throw error
    throw new CombinedError({ networkError: error as Error, response })
  }
}

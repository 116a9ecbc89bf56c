import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import type { Context } from './context.ts'

export interface SchemaTypes {
  Context: Context
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    Version: { Input: bigint; Output: bigint }
  }
}

/** The one schema builder; features add their types to it when `graphql/schema.ts` imports them. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  relay: {
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    clientMutationId: 'omit',
    cursorType: 'String',
    edgesFieldOptions: { nullable: { list: false, items: false } },
    nodeFieldOptions: { nullable: false },
  },
  prisma: {
    // Nothing is loaded behind a store's back: each field's rows come with its own selection.
    client: () => ({
      $connect: () => Promise.reject(new Error('rows are read through stores')),
    }),
    dmmf: getDatamodel(),
    onUnusedQuery: 'error',
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed. Every field is nullable, so that one refusal never erases another answer.' })
builder.subscriptionType({ description: 'What can be watched.' })

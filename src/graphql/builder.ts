import SchemaBuilder, { RootFieldBuilder } from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import type { Context } from './context.ts'
import { createReload } from './reload.ts'

/** How many rows a list has in all. */
export interface Total {
  readonly total: number
  /** Whether counting reached the end. */
  readonly isExact: boolean
}

export interface SchemaTypes {
  Context: Context
  /** What every page has besides its rows: a count, taken when a client selects it. */
  Connection: { count: () => Promise<Total> }
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
    edgesFieldOptions: { description: 'The rows of the page, each with its cursor.', nullable: { list: false, items: false } },
    nodeFieldOptions: { description: 'The row.', nullable: false },
    cursorFieldOptions: { description: "The row's position in this list, to continue from. Valid only for this list and organization." },
    pageInfoTypeOptions: { description: 'Where a page is in its list.' },
    pageInfoFieldOptions: { description: 'Where the page is in the list.' },
    hasNextPageFieldOptions: { description: 'Whether rows follow the page.' },
    hasPreviousPageFieldOptions: { description: 'Whether rows come before the page.' },
    startCursorFieldOptions: { description: 'The cursor of the first row; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last row; null on an empty page.' },
    firstArgOptions: { description: 'How many rows from the start, 0 to 100; 20 when neither first nor last is given.' },
    lastArgOptions: { description: 'How many rows from the end, 0 to 100.' },
    afterArgOptions: { description: 'Only rows after this cursor.' },
    beforeArgOptions: { description: 'Only rows before this cursor.' },
  },
  prisma: {
    client: createReload,
    dmmf: getDatamodel(),
    onUnusedQuery: 'error',
  },
})

/** Keeps what reads the rows of a field, as `extensions.reads`: a plan gives it the selection itself. */
const { prismaField } = RootFieldBuilder.prototype as { prismaField: (options: FieldOptions) => unknown }
interface FieldOptions {
  readonly resolve: unknown
  readonly extensions?: object
}
Object.assign(RootFieldBuilder.prototype, {
  prismaField(this: unknown, options: FieldOptions) {
    return prismaField.call(this, { ...options, extensions: { ...options.extensions, reads: options.resolve } })
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed. Every field is nullable, so one refusal never erases another result.' })
builder.subscriptionType({ description: 'What can be watched.' })

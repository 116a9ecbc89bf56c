import { lexicographicSortSchema, printSchema as print } from 'graphql'
import { createSchema } from './schema.ts'

/** The SDL that is in `schema/schema.graphql` and is served at `/schema.graphql`. */
export const printSchema = (): string => `${print(lexicographicSortSchema(createSchema().schema))}\n`

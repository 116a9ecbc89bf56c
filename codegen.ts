import type { CodegenConfig } from '@graphql-codegen/cli'

const typed = {
  plugins: ['typescript-operations', 'typed-document-node'],
  config: {
    useTypeImports: true,
    enumsAsTypes: true,
    documentMode: 'string',
    scalars: { DateTime: 'string', Version: 'number', ID: 'string' },
  },
} satisfies CodegenConfig['generates'][string]

const operations = 'schema/operations/**/*.graphql'
const ofPortal = 'schema/operations/portal/*.graphql'

const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  generates: {
    'test/generated/operations.ts': { ...typed, documents: [operations, `!${ofPortal}`] },
    'examples/typescript/operations.ts': { ...typed, documents: [operations, `!${ofPortal}`] },
    // Graphcache reads the syntax tree of a document, so the portal gets trees and not texts.
    'src/portal/generated/operations.ts': { ...typed, documents: ofPortal, config: { ...typed.config, documentMode: 'documentNode' } },
  },
}

export default config

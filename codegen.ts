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

const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: 'schema/operations/**/*.graphql',
  generates: {
    'test/generated/operations.ts': typed,
    'examples/typescript/operations.ts': typed,
  },
}

export default config

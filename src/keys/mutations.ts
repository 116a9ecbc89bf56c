import { redactKeys } from '../crypto/key-format.ts'
import { builder } from '../graphql/builder.ts'
import { changedRow } from '../graphql/changed-row.ts'
import { ErrorCodeEnum } from '../graphql/error-code.ts'
import { nothing } from '../graphql/nothing.ts'
import { maxPageSize } from '../graphql/pages.ts'
import { cost } from '../graphql/price.ts'
import { Propagation } from '../graphql/propagation.ts'
import type { Propagation as PropagationShape } from '../ports.ts'
import { type CreatedKey, createApiKey } from './create-api-key.ts'
import { revokeApiKey } from './revoke-api-key.ts'
import { type RevocationResult, revokeApiKeys } from './revoke-api-keys.ts'
import { ApiKey } from './schema.ts'

const NewSecretInput = builder.inputType('NewSecretInput', {
  description: 'A new secret.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 64 of A-Z a-z 0-9 _, unique in the organization (else CONFLICT).' }),
  }),
})

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A new key.',
  fields: (t) => ({
    instanceId: t.id({ required: true, description: 'The instance that it opens, `ins_…`.' }),
    name: t.string({
      required: true,
      description: '1 to 64 characters after trimming, no control characters, no lone surrogates; stored in NFC. Need not be unique.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends: in the future, at most maxKeyLifetimeDays away. Exactly one of expiresAt and expiresInDays.',
    }),
    expiresInDays: t.int({ description: 'In how many days it ends, from 1 to maxKeyLifetimeDays. Exactly one of expiresAt and expiresInDays.' }),
    saveAsSecret: t.field({
      type: NewSecretInput,
      description: 'Stores the key as a secret in the same transaction; the response then has no plaintext.',
    }),
    idempotencyKey: t.string({
      description:
        'Unique per member, stored in the database for 24 h, 1 to 128 printable ASCII characters. Repeating it with the same input returns the same key, with plaintext and saveToken null, and creates nothing; with another input: CONFLICT.',
    }),
  }),
})

const CreateApiKeyPayload = builder.objectRef<CreatedKey>('CreateApiKeyPayload').implement({
  description: 'What createApiKey made.',
  fields: (t) => ({
    apiKey: t.prismaField({
      type: ApiKey,
      description: 'The new key.',
      resolve: (query, { keyId }, _arguments, context) => changedRow(context, 'key', query, keyId),
    }),
    plaintext: t.string({
      nullable: true,
      description: 'The key itself. Shown once; null when it was saved as a secret, or when the call was a repetition.',
      resolve: ({ plaintext }) => plaintext?.expose() ?? null,
    }),
    saveToken: t.exposeString('saveToken', {
      nullable: true,
      description: 'Lets the same member save the key as a secret within 15 minutes. Null when there is no plaintext.',
    }),
    secret: t.prismaField({
      type: 'Secret',
      nullable: true,
      description: 'The secret that the key was saved as; null without one.',
      resolve: (query, { secretId }, _arguments, context) => (secretId === null ? nothing(query) : changedRow(context, 'sec', query, secretId)),
    }),
  }),
})

const acknowledged = 'Must be true: a revocation cannot be undone. Else BAD_USER_INPUT.'

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which key to revoke.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The key, `key_…`.' }),
    acknowledged: t.boolean({ required: true, description: acknowledged }),
  }),
})

const RevokeApiKeysInput = builder.inputType('RevokeApiKeysInput', {
  description: 'Which keys to revoke.',
  fields: (t) => ({
    ids: t.idList({ required: true, description: 'The keys, `key_…`, 1 to 100, each once.' }),
    acknowledged: t.boolean({ required: true, description: acknowledged }),
  }),
})

const RevokeApiKeyPayload = builder.objectRef<{ keyId: string; instanceId: string; propagation: PropagationShape }>('RevokeApiKeyPayload').implement({
  description: 'What revokeApiKey did.',
  fields: (t) => ({
    apiKey: t.prismaField({
      type: ApiKey,
      description: 'The revoked key.',
      resolve: (query, { keyId }, _arguments, context) => changedRow(context, 'key', query, keyId),
    }),
    instance: t.prismaField({
      type: 'AppInstance',
      description: 'The instance that it opened.',
      resolve: (query, { instanceId }, _arguments, context) => changedRow(context, 'ins', query, instanceId),
    }),
    propagation: t.expose('propagation', { type: Propagation, description: 'All serving nodes refuse the key now.' }),
  }),
})

const RevokeApiKeyResult = builder.objectRef<RevocationResult>('RevokeApiKeyResult').implement({
  description: 'The outcome for one key of revokeApiKeys.',
  fields: (t) => ({
    id: t.id({ description: 'The id as it was sent.', resolve: ({ id }) => redactKeys(id) }),
    apiKey: t.prismaField({
      type: ApiKey,
      nullable: true,
      description: 'The key as it is now; null when the viewer may see none with this id.',
      resolve: (query, { id }, _arguments, { rows }) => rows.load('key', query, id),
    }),
    code: t.expose('errorCode', { type: ErrorCodeEnum, nullable: true, description: 'Null when it is revoked, else NOT_FOUND or FORBIDDEN.' }),
    errorCode: t.exposeString('errorCode', { nullable: true, description: 'The same as `code`, as a text.' }),
  }),
})

const RevokeApiKeysPayload = builder.objectRef<{ results: RevocationResult[]; propagation: PropagationShape }>('RevokeApiKeysPayload').implement({
  description: 'What revokeApiKeys did.',
  fields: (t) => ({
    results: t.expose('results', {
      type: [RevokeApiKeyResult],
      description: 'One for each id, in the order of the input.',
      extensions: cost({ rows: maxPageSize }),
    }),
    propagation: t.expose('propagation', { type: Propagation, description: 'All serving nodes refuse the keys now.' }),
  }),
})

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: CreateApiKeyPayload,
    nullable: true,
    description: 'Creates a key that opens one instance, and shows its plaintext once.',
    args: { input: t.arg({ type: CreateApiKeyInput, required: true, description: 'The key.' }) },
    resolve: (_root, { input }, { ports, actor }) => createApiKey(ports, actor, input),
  }),
  revokeApiKey: t.field({
    type: RevokeApiKeyPayload,
    nullable: true,
    extensions: cost({ statements: 8 }),
    description: 'Revokes a key for good: when this returns, no node accepts it. Repeating it returns the same.',
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true, description: 'Which one.' }) },
    resolve: async (_root, { input }, { ports, actor }) => ({ keyId: input.id, ...(await revokeApiKey(ports, actor, input)) }),
  }),
  revokeApiKeys: t.field({
    type: RevokeApiKeysPayload,
    nullable: true,
    description: 'Revokes up to 100 keys, each with its own outcome, in one propagation.',
    args: { input: t.arg({ type: RevokeApiKeysInput, required: true, description: 'Which ones.' }) },
    resolve: async (_root, { input }, { ports, actor }) => {
      const revoked = await revokeApiKeys(ports, actor, input)
      for (const code of ['NOT_FOUND', 'FORBIDDEN'] as const) {
        const count = revoked.results.filter(({ errorCode }) => errorCode === code).length
        if (count > 0) ports.refused(code, 'revokeApiKeys', { count })
      }
      return revoked
    },
  }),
}))

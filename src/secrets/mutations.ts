import type { Plaintext } from '../crypto/key-format.ts'
import { builder } from '../graphql/builder.ts'
import { changedRow } from '../graphql/changed-row.ts'
import { deleteSecret } from './delete-secret.ts'
import { revealSecret } from './reveal-secret.ts'
import { saveApiKeyAsSecret } from './save-api-key-as-secret.ts'
import { Secret } from './schema.ts'

const SaveApiKeyAsSecretInput = builder.inputType('SaveApiKeyAsSecretInput', {
  description:
    "What to save. A failed save (name taken) leaves the saveToken usable. An expired, altered or other member's token: BAD_USER_INPUT on saveToken; a key no longer active or already saved: CONFLICT.",
  fields: (t) => ({
    saveToken: t.string({ required: true, description: 'From createApiKey, by the same member, at most 15 minutes ago.' }),
    name: t.string({ required: true, description: '1 to 64 of A-Z a-z 0-9 _, unique in the organization (else CONFLICT).' }),
  }),
})

const RevealSecretInput = builder.inputType('RevealSecretInput', {
  description: 'Which secret to reveal.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The secret, `sec_…`.' }) }),
})

const DeleteSecretInput = builder.inputType('DeleteSecretInput', {
  description: 'Which secret to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The secret, `sec_…`.' }) }),
})

const SaveApiKeyAsSecretPayload = builder.objectRef<{ secretId: string; keyId: string }>('SaveApiKeyAsSecretPayload').implement({
  description: 'What saveApiKeyAsSecret made.',
  fields: (t) => ({
    secret: t.prismaField({
      type: Secret,
      description: 'The secret.',
      resolve: (query, { secretId }, _arguments, context) => changedRow(context, 'sec', query, secretId),
    }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      description: 'The key that it holds.',
      resolve: (query, { keyId }, _arguments, context) => changedRow(context, 'key', query, keyId),
    }),
  }),
})

const RevealSecretPayload = builder.objectRef<{ secretId: string; value: Plaintext }>('RevealSecretPayload').implement({
  description: 'What revealSecret shows.',
  fields: (t) => ({
    secret: t.prismaField({
      type: Secret,
      description: 'The secret.',
      resolve: (query, { secretId }, _arguments, context) => changedRow(context, 'sec', query, secretId),
    }),
    value: t.string({ description: 'Its value.', resolve: ({ value }) => value.expose() }),
  }),
})

const DeleteSecretPayload = builder.objectRef<{ secretId: string }>('DeleteSecretPayload').implement({
  description: 'What deleteSecret did.',
  fields: (t) => ({ deletedSecretId: t.exposeID('secretId', { description: 'The id that the secret had.' }) }),
})

builder.mutationFields((t) => ({
  saveApiKeyAsSecret: t.field({
    type: SaveApiKeyAsSecretPayload,
    nullable: true,
    description: 'Saves a newly created key as a secret. The same token and name again return the same secret.',
    args: { input: t.arg({ type: SaveApiKeyAsSecretInput, required: true, description: 'What to save, and its name.' }) },
    resolve: (_root, { input }, { ports, actor }) => saveApiKeyAsSecret(ports, actor, input),
  }),
  revealSecret: t.field({
    type: RevealSecretPayload,
    nullable: true,
    description: 'Shows the value of a secret. It is a mutation, because it first records an event.',
    args: { input: t.arg({ type: RevealSecretInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { ports, actor }) => revealSecret(ports, actor, input),
  }),
  deleteSecret: t.field({
    type: DeleteSecretPayload,
    nullable: true,
    description: 'Deletes a secret and its value. It revokes no key.',
    args: { input: t.arg({ type: DeleteSecretInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { ports, actor }) => deleteSecret(ports, actor, input),
  }),
}))

import type { Tokens } from './authentication/remembered-tokens.ts'
import { createProviderVerifier, createSecretVerifier } from './authentication/tokens.ts'
import type { Config } from './config.ts'
import { createCursors } from './crypto/cursor.ts'
import { createDigests } from './crypto/digest.ts'
import { createSeals } from './crypto/seal.ts'
import type { Clock, Log, Ports } from './ports.ts'
import { secretBytes } from './setting.ts'
import type { Database } from './store/client.ts'
import { BadSecretFile, secretFile } from './store/data-folder.ts'
import { knownFingerprints, rememberFingerprint, requireFingerprint } from './store/fingerprints.ts'

function readSecretFile(config: Config, name: string, mustExist = false): Uint8Array {
  const bytes = secretBytes(secretFile(config.DATA_DIR, name, mustExist))
  if (!bytes) throw new BadSecretFile(`${config.DATA_DIR}/${name} does not hold 32 bytes in base64. Put the old file back.`)
  return bytes
}

/** The secret that signs tokens: configured, or for the embedded database made once and kept in its folder. */
export const readAuthSecret = (config: Config): Uint8Array =>
  config.AUTH_SECRET !== undefined ? new TextEncoder().encode(config.AUTH_SECRET) : readSecretFile(config, 'auth-secret')

export const openTokens = (config: Config, clock: Clock, log: Log): Tokens => {
  const now = (): Date => clock.now()
  return config.provider ? createProviderVerifier({ ...config.provider, now, log }) : createSecretVerifier(readAuthSecret(config), now)
}

/** The same for peppers and key-encryption keys; a file that the database was used with is never made again. */
async function readKeySecrets(config: Config, database: Database): Promise<{ peppers: readonly Uint8Array[]; keks: readonly Uint8Array[] }> {
  const known = await knownFingerprints(database.client)
  return {
    peppers: config.KEY_PEPPER ?? [readSecretFile(config, 'key-pepper', known.has('pepper'))],
    keks: config.SECRETS_KEK ?? [readSecretFile(config, 'secrets-kek', known.has('kek'))],
  }
}

/** Returns what is made from them; throws `WrongDatabase` if the database was used with others. */
export async function openServerSecrets(
  config: Config,
  database: Database,
  stores: Pick<Ports, 'keys' | 'secrets'>,
): Promise<Pick<Ports, 'digests' | 'seals' | 'cursors'>> {
  const { peppers, keks } = await readKeySecrets(config, database)
  const digests = createDigests(peppers)
  const seals = createSeals(keks)
  await requireFingerprint(database.client, 'pepper', digests.pepperIds, await stores.keys.pepperIds())
  await requireFingerprint(database.client, 'kek', seals.kekIds, await stores.secrets.kekIds())
  return { digests, seals, cursors: createCursors(peppers, () => digests.currentId) }
}

/** Stores which ones are in use, for nodes that start later. */
export async function rememberServerSecrets({ client }: Pick<Database, 'client'>, { digests, seals }: Pick<Ports, 'digests' | 'seals'>): Promise<void> {
  await rememberFingerprint(client, 'pepper', digests.currentId)
  await rememberFingerprint(client, 'kek', seals.currentId)
}

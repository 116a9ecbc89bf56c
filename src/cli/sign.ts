import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { BUNDLE_V03_MEDIA_TYPE, bundleToJSON } from '@sigstore/bundle'
import { CIContextProvider, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, type Signer, TSAWitness } from '@sigstore/sign'

/** Where the services of Sigstore are. */
export interface Services {
  /** Gives certificates to identities. */
  readonly fulcio: string
  /** The log of all signatures, in which nobody can hide one. */
  readonly rekor: string
  /** Says when something was signed. */
  readonly timestamps: string
}

/** Signs as the workflow that runs. Throws if there is none, since only a workflow with `id-token: write` has an identity, or whoever sets SIGSTORE_ID_TOKEN. */
export async function identitySigner({ fulcio }: Services): Promise<Signer> {
  const identityProvider = new CIContextProvider('sigstore')
  await identityProvider.getToken().catch(() => {
    throw new Error(
      'There is no identity to sign with. Run this in the release workflow, set SIGSTORE_ID_TOKEN, or sign with a key: npm run release -- --key FILE',
    )
  })
  return new FulcioSigner({ fulcioBaseURL: fulcio, identityProvider })
}

/** Signs with a private key, a PEM text. Throws if it is none of the curve P-256. */
export function keySigner(pem: string): Signer {
  const key = parseKey(pem)
  const publicKey = createPublicKey(key)
  const hint = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  const material = { $case: 'publicKey', publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), hint } as const
  return { sign: async (data) => ({ signature: sign('sha256', data, key), key: material }) }
}

function parseKey(pem: string) {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch {
    // Its message could quote the file.
  }
  throw new Error(
    '--key must name a file with a private key of the curve P-256 in PEM, without a passphrase. Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE',
  )
}

/** A Sigstore bundle (version 0.3) as text: the signature of `data`, its entry in the log, and when it was made. */
export async function signBundle(data: Buffer, signer: Signer, { rekor, timestamps }: Services): Promise<string> {
  const witnesses = [new RekorWitness({ rekorBaseURL: rekor }), new TSAWitness({ tsaBaseURL: timestamps })]
  const made = await new MessageSignatureBundleBuilder({ signer, witnesses }).create({ data })
  // The builder makes version 0.2, which differs in how it holds the one certificate.
  const { content } = made.verificationMaterial
  const certificate = content.$case === 'x509CertificateChain' ? content.x509CertificateChain.certificates[0] : undefined
  const bundle = {
    ...made,
    mediaType: BUNDLE_V03_MEDIA_TYPE,
    verificationMaterial: { ...made.verificationMaterial, content: certificate ? ({ $case: 'certificate', certificate } as const) : content },
  }
  return `${JSON.stringify(bundleToJSON(bundle))}\n`
}

import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fulcioHandler, initializeCA, initializeCTLog, initializeTLog, initializeTSA, rekorHandler, tsaHandler } from '@sigstore/mock'
import { initializeTUFRepo, tufHandlers } from '@tufjs/repo-mock'

export interface Sigstore {
  /** Where the certificate authority, the log and the timestamp authority are: one address. */
  readonly url: string
  /** Options of `verify` of the package sigstore: to trust this instance, and no other. */
  readonly trust: { readonly tufMirrorURL: string; readonly tufRootPath: string; readonly tufCachePath: string }
  close(): Promise<void>
}

interface Handler {
  readonly path: string
  readonly fn: (body: string) => unknown
}

/** A token of an identity provider, which the mock of Fulcio believes: its subject becomes the identity. */
export function identityToken(subject: string, issuer: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return [part({ alg: 'none' }), part({ sub: subject, iss: issuer, aud: 'sigstore' }), 'x'].join('.')
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

/** Starts an instance of Sigstore of its own: Fulcio with its log of certificates, Rekor, a timestamp authority, and the TUF repository that tells of their keys. */
export async function startSigstore(folder: string): Promise<Sigstore> {
  const ctLog = await initializeCTLog(newKeys())
  const ca = await initializeCA(newKeys(), ctLog)
  // In whole seconds: of others the mock writes fractions of a length that the verifier does not read.
  const clock = new Date()
  const tsa = await initializeTSA(newKeys(), clock)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tLog = await initializeTLog(url, newKeys())

  const validFor = { start: new Date(0).toISOString() }
  const log = (publicKey: Buffer, id: Buffer) => ({
    baseUrl: url,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: publicKey.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: id.toString('base64') },
  })
  const authority = (...chain: Buffer[]) => ({
    subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
    uri: url,
    certChain: { certificates: chain.map((certificate) => ({ rawBytes: certificate.toString('base64') })) },
    validFor,
  })
  const trustedRoot = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [log(tLog.publicKey, createHash('sha256').update(tLog.publicKey).digest())],
    ctlogs: [log(ctLog.publicKey, ctLog.logID)],
    certificateAuthorities: [authority(ca.rootCertificate)],
    timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
  }
  const tuf = initializeTUFRepo([{ name: 'trusted_root.json', content: JSON.stringify(trustedRoot) }])
  const root = join(folder, 'root.json')
  writeFileSync(root, JSON.stringify(tuf.rootMeta.toJSON()))

  const handlers: readonly Handler[] = [
    fulcioHandler(ca),
    rekorHandler(tLog),
    tsaHandler(tsa),
    ...tufHandlers(tuf, { metadataPathPrefix: '/tuf', targetPathPrefix: '/tuf/targets' }),
  ]
  server.on('request', async (request, response) => {
    clock.setTime(Math.floor(Date.now() / 1_000) * 1_000)
    const handler = handlers.find(({ path }) => path === request.url?.replace(/(?<=targets\/)[0-9a-f]+\./, ''))
    const answer = (await handler?.fn(await text(request))) as { statusCode: number; response: string | Buffer; contentType?: string } | undefined
    response.writeHead(answer?.statusCode ?? 404, { 'content-type': answer?.contentType ?? 'text/plain' }).end(answer?.response)
  })
  return {
    url,
    trust: { tufMirrorURL: `${url}/tuf`, tufRootPath: root, tufCachePath: join(folder, 'tuf') },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

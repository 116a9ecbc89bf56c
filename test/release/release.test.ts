import { spawn } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { verify } from 'sigstore'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keySigner, signBundle } from '../../src/cli/sign.ts'
import { identityToken, type Sigstore, startSigstore } from '../support/sigstore.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const tarball = `aura-keys-${version}.tgz`
const sbom = `aura-keys-${version}.cdx.json`
const identity = `https://github.com/aura/keys/.github/workflows/release.yml@refs/tags/v${version}`
const issuer = 'https://token.actions.githubusercontent.com'
const folder = mkdtempSync(join(tmpdir(), 'aura-keys-release-'))
const release = join(folder, 'release')
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const pem = (key: typeof privateKey): string => key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString()
let sigstore: Sigstore
let verifyDownload: (file: string, identity: string, issuer: string, options?: object) => Promise<void>

/** Runs what `npm run release` runs once it has built. */
async function runRelease(args: readonly string[], env: Record<string, string> = {}) {
  const services = ['--fulcio', '--rekor', '--timestamps'].flatMap((option) => [option, sigstore.url])
  const child = spawn(process.execPath, ['dist/cli/release.js', ...services, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], npm_config_prefer_offline: 'true', ...env },
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), new Promise((done) => child.once('close', done))])
  return { code, stdout, stderr }
}

/** A copy of a file of the release under its name, with the bundle of `signed`; `alter` changes the copy. */
function downloaded(name: string, { signed = name, alter = (content: Buffer) => content } = {}): string {
  const file = join(mkdtempSync(join(folder, 'downloaded-')), name)
  writeFileSync(file, alter(readFileSync(join(release, name))))
  copyFileSync(join(release, `${signed}.sigstore.json`), `${file}.sigstore.json`)
  return file
}

beforeAll(async () => {
  sigstore = await startSigstore(folder)
  // As a user gets it: a script, without types.
  ;({ verifyDownload } = await import(pathToFileURL(resolve('examples/verify-download.mjs')).href))
  const made = await runRelease(['--to', release], { SIGSTORE_ID_TOKEN: identityToken(identity, issuer) })
  expect(made).toEqual({ code: 0, stdout: `${[tarball, sbom, 'SHA256SUMS'].map((name) => join(release, name)).join('\n')}\n`, stderr: expect.anything() })
}, 240_000)
afterAll(async () => {
  await sigstore.close()
  rmSync(folder, { recursive: true, force: true })
})

const flip = (content: Buffer): Buffer => {
  const altered = Buffer.from(content)
  const middle = content.length >> 1
  altered[middle] = (altered[middle] ?? 0) ^ 1
  return altered
}

test('IN-04 a release is the tarball, its SBOM, the checksums of both and a bundle of each, signed by the workflow', async () => {
  const files = [tarball, sbom, 'SHA256SUMS']
  expect(readdirSync(release).sort()).toEqual(files.flatMap((name) => [name, `${name}.sigstore.json`]).sort())
  for (const name of files) {
    await verifyDownload(join(release, name), identity, issuer, sigstore.trust)
    const bundle = JSON.parse(readFileSync(join(release, `${name}.sigstore.json`), 'utf8'))
    expect([bundle.mediaType, typeof bundle.verificationMaterial.certificate]).toEqual(['application/vnd.dev.sigstore.bundle.v0.3+json', 'object'])
    expect([bundle.verificationMaterial.tlogEntries.length, bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps.length]).toEqual([1, 1])
  }
  const sum = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(release, name)))
      .digest('hex')
  expect(readFileSync(join(release, 'SHA256SUMS'), 'utf8')).toBe(`${sum(tarball)}  ${tarball}\n${sum(sbom)}  ${sbom}\n`)
})

const foreign = { code: 'UNTRUSTED_SIGNER_ERROR' }
const unsigned = { code: expect.stringMatching(/^(SIGNATURE_ERROR|TLOG_BODY_ERROR)$/) }
const unnamed = { message: expect.stringContaining('Name the identity and the issuer') }

for (const name of [tarball, sbom, 'SHA256SUMS']) {
  const other = name === tarball ? sbom : tarball
  for (const [title, file, by, from, why] of [
    ['that was altered', () => downloaded(name, { alter: flip }), identity, issuer, unsigned],
    ['that was cut', () => downloaded(name, { alter: (content) => content.subarray(0, -1) }), identity, issuer, unsigned],
    ['with the bundle of another', () => downloaded(name, { signed: other }), identity, issuer, unsigned],
    ['of another repository', () => downloaded(name), identity.replace('aura/keys', 'mallory/keys'), issuer, foreign],
    ['of another workflow', () => downloaded(name), identity.replace('release.yml', 'test.yml'), issuer, foreign],
    ['of another tag', () => downloaded(name), `${identity}0`, issuer, foreign],
    ['of an identity that begins as this one', () => downloaded(name), identity.slice(0, -1), issuer, foreign],
    ['of an identity that matches as a pattern only', () => downloaded(name), identity.replace('keys', 'k.ys'), issuer, foreign],
    ['of another issuer', () => downloaded(name), identity, 'https://accounts.example', foreign],
    ['of any identity', () => downloaded(name), '', issuer, unnamed],
    ['of any issuer', () => downloaded(name), identity, '', unnamed],
  ] as const) {
    test(`IN-04 ${name.replace(version, 'x')} ${title} does not verify`, async () => {
      await expect(verifyDownload(file(), by, from, sigstore.trust)).rejects.toMatchObject(why)
    })
  }
}

test('IN-04 a release of another instance of Sigstore does not verify', async () => {
  const elsewhere = mkdtempSync(join(folder, 'elsewhere-'))
  const other = await startSigstore(elsewhere)
  await expect(verifyDownload(join(release, tarball), identity, issuer, other.trust)).rejects.toMatchObject({ name: 'VerificationError' })
  await other.close()
})

test('IN-04 without an identity a key signs, and only its public key verifies', async () => {
  const data = readFileSync(join(release, tarball))
  const services = { fulcio: sigstore.url, rekor: sigstore.url, timestamps: sigstore.url }
  const bundle = JSON.parse(await signBundle(data, keySigner(pem(privateKey)), services))
  const by = (key: typeof publicKey) => ({ ...sigstore.trust, keySelector: () => pem(key) })
  await verify(bundle, data, by(publicKey))
  await expect(verify(bundle, flip(data), by(publicKey))).rejects.toMatchObject(unsigned)
  await expect(verify(bundle, data, by(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey))).rejects.toMatchObject(unsigned)
  // Nor does it count as an identity.
  writeFileSync(join(folder, tarball), data)
  writeFileSync(join(folder, `${tarball}.sigstore.json`), JSON.stringify(bundle))
  await expect(verifyDownload(join(folder, tarball), identity, issuer, sigstore.trust)).rejects.toMatchObject({ code: 'PUBLIC_KEY_ERROR' })
  await expect(verifyDownload(join(folder, tarball), identity, issuer, by(publicKey))).rejects.toMatchObject(foreign)
})

test('IN-04 without an identity and a key, or with a file that is no such key, nothing is made, and the message says what to do', async () => {
  const to = join(folder, 'none')
  expect(await runRelease(['--to', to])).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('npm run release -- --key FILE') })
  const file = join(folder, 'key')
  const wrong = [
    pem(publicKey),
    pem(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey),
    pem(generateKeyPairSync('ed25519').privateKey),
    'hunter2',
  ]
  for (const content of wrong) {
    writeFileSync(file, content)
    expect(await runRelease(['--to', to, '--key', file])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^--key must name a file .* curve P-256(?!.*hunter2)/),
    })
  }
  expect(readdirSync(folder)).not.toContain('none')
})

test('IN-04 the SBOM lists what npm installs with the tarball, with checksums, and nothing of this machine', () => {
  const written = readFileSync(join(release, sbom), 'utf8')
  const { bomFormat, metadata, components } = JSON.parse(written) as {
    bomFormat: string
    metadata: { component: { name: string; version: string; hashes: { content: string }[] } }
    components: { name: string; version: string; hashes?: unknown[] }[]
  }
  expect([bomFormat, metadata.component.name, metadata.component.version]).toEqual(['CycloneDX', 'aura-keys', version])
  expect(metadata.component.hashes.map(({ content }) => content)).toContain(
    createHash('sha512')
      .update(readFileSync(join(release, tarball)))
      .digest('hex'),
  )
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
  const named = new Map(components.map((component) => [component.name, component.version]))
  for (const [name, wanted] of Object.entries(dependencies ?? {}))
    expect([name, components.some((one) => one.name === name && one.version === wanted)]).toEqual([name, true])
  for (const name of ['sigstore', 'vitest', 'typescript', 'prisma', 'vite'])
    expect([name, name in (devDependencies ?? {}), named.has(name)]).toEqual([name, true, false])
  expect(components.filter(({ hashes = [] }) => hashes.length === 0)).toEqual([])
  expect(written).not.toMatch(/file:|aura-keys-sbom|"\/(tmp|dev|home|root|build)\b/)
})

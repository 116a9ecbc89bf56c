// Checks that a file of a release was signed by a workflow: FILE.sigstore.json must be beside FILE. Needs only Node and: npm install sigstore@4
//   node verify-download.mjs FILE IDENTITY ISSUER
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { verify } from 'sigstore'

// The package takes identities as patterns, which also match parts of others.
const exactly = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`

/** Throws unless `file` was signed by this identity, which this issuer vouched for. `options` are those of the package. */
export async function verifyDownload(file, identity, issuer, options = {}) {
  if (!identity || !issuer) throw new Error('Name the identity and the issuer: without them anybody could have signed the file.')
  const bundle = JSON.parse(await readFile(`${file}.sigstore.json`, 'utf8'))
  await verify(bundle, await readFile(file), { ...options, certificateIdentityURI: exactly(identity), certificateIssuer: issuer })
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [file, identity, issuer] = process.argv.slice(2)
  await verifyDownload(file, identity, issuer).then(
    () => console.log(`${file} was signed by ${identity}`),
    (error) => {
      console.error(`${file} does not verify: ${error.message}`)
      process.exitCode = 1
    },
  )
}

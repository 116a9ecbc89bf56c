import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { identitySigner, keySigner, type Services, signBundle } from './sign.ts'

interface Options extends Services {
  readonly to: string
  readonly key?: string
}

interface Component {
  readonly name: string
  readonly version: string
  readonly 'bom-ref': string
  externalReferences: { readonly url: string }[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const defaultFolder = join(root, 'release')
const npm = (cwd: string, ...args: string[]): string => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/**
 * The CycloneDX SBOM of a tarball, as text: what npm installs with it today. It is not made in the clone, where `npm sbom --omit dev` leaves out
 * whatever development dependencies use too.
 */
function sbomOf(tarball: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-sbom-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{ "name": "installed", "version": "0.0.0" }')
    npm(folder, 'install', '--package-lock-only', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball)
    const sbom = JSON.parse(npm(folder, 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only')) as {
      metadata: { component: Component }
      components: Component[]
      dependencies: { readonly ref: string }[]
    }
    const itself = sbom.components.find(({ name }) => name === 'aura-keys')
    if (!itself) throw new Error('npm sbom does not name the package itself')
    // Of the folder, and of this machine.
    const installed = sbom.metadata.component['bom-ref']
    itself.externalReferences = itself.externalReferences.filter(({ url }) => !url.startsWith('file:'))
    sbom.metadata.component = itself
    sbom.components = sbom.components.filter((component) => component !== itself)
    sbom.dependencies = sbom.dependencies.filter(({ ref }) => ref !== installed)
    return `${JSON.stringify(sbom, null, 2)}\n`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Makes the files of a release in an empty folder: the tarball of what is built, its SBOM, the checksums of both, and a signature of each. */
async function release({ to, key, ...services }: Options): Promise<void> {
  const signer = key === undefined ? await identitySigner(services) : keySigner(readFileSync(key, 'utf8'))
  const folder = resolve(to)
  if (folder === defaultFolder) rmSync(folder, { recursive: true, force: true })
  else if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${to} is not empty`)
  mkdirSync(folder, { recursive: true })
  const [{ filename } = { filename: '' }] = JSON.parse(npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)) as { filename: string }[]
  const sbom = filename.replace(/tgz$/, 'cdx.json')
  writeFileSync(join(folder, sbom), sbomOf(join(folder, filename)))
  const sums = [filename, sbom].map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}  ${name}\n`,
  )
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''))
  for (const name of [filename, sbom, 'SHA256SUMS']) {
    writeFileSync(join(folder, `${name}.sigstore.json`), await signBundle(readFileSync(join(folder, name)), signer, services))
    console.log(join(folder, name))
  }
}

try {
  await new Command('release')
    .description('pack what is built, and sign it with the identity of the workflow that runs, or with a key')
    .option('--key <file>', 'a private key of the curve P-256 in PEM')
    .option('--to <folder>', 'where the files go: an empty folder, or the usual one, which is emptied first', defaultFolder)
    .option('--fulcio <url>', 'gives certificates to identities', 'https://fulcio.sigstore.dev')
    .option('--rekor <url>', 'the log of signatures', 'https://rekor.sigstore.dev')
    .option('--timestamps <url>', 'says when something was signed', 'https://timestamp.sigstore.dev')
    .action(release)
    .parseAsync()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

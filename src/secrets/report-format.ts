import type { Ports } from '../ports.ts'

/** Tells the log how many secrets are still sealed in format 1, whenever that number is another than it was. */
export function createFormatReport(ports: Pick<Ports, 'secrets' | 'log'>): () => Promise<void> {
  let told = 0
  return async () => {
    const secrets = await ports.secrets.countFormat1()
    if (secrets === told) return
    told = secrets
    ports.log.info({ secrets }, 'secrets that are left in format 1, which does not bind them to who made them')
  }
}

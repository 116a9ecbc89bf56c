import type { Ports } from '../ports.ts'

/** Logs how many secrets are still sealed in format 1, if the number differs from `told`, the last one. Returns it. */
export async function reportFormat(ports: Pick<Ports, 'secrets' | 'log'>, told: number): Promise<number> {
  const secrets = await ports.secrets.countFormat1()
  if (secrets !== told) ports.log.info({ secrets }, 'secrets that are left in format 1, which does not bind them to who made them')
  return secrets
}

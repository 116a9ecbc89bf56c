import { setTimeout as pause } from 'node:timers/promises'
import { type Clients, cpuMicros, type Server } from './processes.ts'

const now = (): number => performance.timeOrigin + performance.now()

/** A server in the comparison, with the clients that watch it. */
export interface Contender {
  readonly server: Server
  readonly clients: Clients
  change(): Promise<void>
  open(count: number): Promise<void>
}

/** Makes changes one after another, each after the last was delivered; answers CPU per change, and how long each took to the last socket. */
export async function changes({ server, clients, change }: Contender, count: number, sockets: number): Promise<{ cpu: number; wallMs: number[] }> {
  await clients.report()
  const wallMs: number[] = []
  const before = cpuMicros(server)
  for (let made = 0; made < count; made++) {
    const sent = now()
    const pausing = pause(60)
    await change()
    for (let moments: number[] = []; sockets > 0 && moments.length < sockets; ) {
      await pause(10)
      moments = [...moments, ...(await clients.report()).flatMap(([, arrived]) => arrived)]
      if (moments.length >= sockets) wallMs.push(Math.max(...moments) - sent)
      if (now() - sent > 30_000) throw new Error(`${moments.length} of ${sockets} deliveries arrived`)
    }
    await pausing
  }
  return { cpu: (cpuMicros(server) - before) / count, wallMs }
}

import { setTimeout as pause } from 'node:timers/promises'
import { cpuMicros, type Server } from '../processes.ts'
import type { Clients } from './clients.ts'

const now = (): number => performance.timeOrigin + performance.now()

/** A server in the comparison, with the clients that watch it. */
export interface Contender {
  readonly server: Server
  readonly clients: Clients
  change(): Promise<void>
  open(count: number): Promise<void>
  /** When these versions were made; for a server that cannot say so, the moment of the request counts. */
  occurred?(versions: readonly number[]): Promise<ReadonlyMap<number, number>>
}

/** Makes changes one after another, each after the last was delivered; answers CPU per change, and how long each took to the last socket. */
export async function changes(contender: Contender, count: number, sockets: number): Promise<{ cpu: number; wallMs: number[] }> {
  const { server, clients, change, occurred } = contender
  await clients.report()
  const last: { version: number; sent: number; arrived: number }[] = []
  const before = cpuMicros(server)
  for (let made = 0; made < count; made++) {
    const sent = now()
    const pausing = pause(60)
    await change()
    for (let arrived: number[] = []; sockets > 0 && arrived.length < sockets; ) {
      await pause(10)
      const report = await clients.report()
      arrived = [...arrived, ...report.flatMap(([, moments]) => moments)]
      const version = report.at(-1)?.[0]
      if (arrived.length >= sockets && version !== undefined) last.push({ version, sent, arrived: Math.max(...arrived) })
      if (now() - sent > 30_000) throw new Error(`${arrived.length} of ${sockets} deliveries arrived`)
    }
    await pausing
  }
  const cpu = (cpuMicros(server) - before) / count
  const made = await occurred?.(last.map(({ version }) => version))
  return { cpu, wallMs: last.map(({ version, sent, arrived }) => arrived - (made?.get(version) ?? sent)) }
}

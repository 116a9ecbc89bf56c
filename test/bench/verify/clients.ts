import { asking, ending, start } from '../processes.ts'

/** What is asked, and of whom. */
export interface Questions {
  readonly url: string
  readonly kind: 'verify' | 'fresh' | 'authorize'
  /** Keys, one a line, of which the first `count` are asked for, by chance. */
  readonly file: string
  readonly count: number
  readonly instanceId: string
  /** What a right answer has in it. */
  readonly expected: string
}

export interface Measured {
  readonly requests: number
  readonly seconds: number
  readonly wrong: number
  readonly p50: number
  readonly p99: number
}

/** Clients in a process of their own. */
export interface Clients {
  open(how: Questions & { connections: number; warm: number }): Promise<void>
  /** As fast as the answers come, or so many a second. */
  run(how: { seconds: number; rate?: number }): Promise<Measured>
  close(): Promise<void>
  end(): Promise<void>
}

export function startClients(): Clients {
  const child = start(1, 'test/bench/verify/clients.mjs')
  const ask = asking(child)
  return { open: (how) => ask('open', how), run: (how) => ask('run', how), close: () => ask('close'), end: ending(child) }
}

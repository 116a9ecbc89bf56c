import { asking, ending, start } from '../processes.ts'

export interface Clients {
  open(how: { url: string; authorization: string; subscriptions: object[]; answers: number; count: number; wave: number; isSilent?: boolean }): Promise<void>
  cut(): Promise<void>
  end(): Promise<void>
  /** The moments at which each version arrived, since the last report. */
  report(): Promise<[version: number, moments: number[]][]>
  /** The newest number of active keys by subscription. */
  newest(): Promise<[string, number][]>
}

export function startClients(): Clients {
  const child = start(1, 'test/bench/live/clients.mjs')
  const ask = asking(child)
  return { open: (how) => ask('open', how), cut: () => ask('cut'), report: () => ask('report'), newest: () => ask('newest'), end: ending(child) }
}

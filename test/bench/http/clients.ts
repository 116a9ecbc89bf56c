import { asking, cpuMicros, ending, postgresMicros, type Server, start } from '../processes.ts'

/** One request, and what a right answer has in it: ASCII alone. */
export interface Asked {
  readonly text: string
  readonly expected: string
}

/** A POST of JSON as it goes over the connection. */
export function post(path: string, body: object, authorization?: string): string {
  const text = JSON.stringify(body)
  const token = authorization === undefined ? '' : `authorization: ${authorization}\r\n`
  const head = `POST ${path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\ncontent-type: application/json\r\n${token}`
  return `${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

interface Measured {
  readonly requests: number
  readonly seconds: number
  readonly wrong: number
  readonly example: string
  readonly p50: number
  readonly p99: number
}

/** Clients in a process of their own. */
export interface HttpClients {
  open(how: { url: string; asked: readonly Asked[]; connections: number; warm: number }): Promise<void>
  run(how: { seconds: number }): Promise<Measured>
  close(): Promise<void>
  end(): Promise<void>
}

export function startHttpClients(): HttpClients {
  const child = start(1, 'test/bench/http/clients.mjs')
  const ask = asking(child)
  return { open: (how) => ask('open', how), run: (how) => ask('run', how), close: () => ask('close'), end: ending(child) }
}

/** What one round says of one server. */
export interface HttpFigures extends Measured {
  readonly perSecond: number
  /** CPU per request, of the server and of PostgreSQL, in microseconds. */
  readonly server: number
  readonly postgres: number
}

/** Asks the server again and again, over so many connections. */
export async function measureHttp(
  { name, server, asked }: { readonly name: string; readonly server: Server; readonly asked: readonly Asked[] },
  { clients, postgres, seconds, connections }: { clients: HttpClients; postgres: number; seconds: number; connections: number },
): Promise<HttpFigures> {
  await clients.open({ url: server.url, asked, connections, warm: Math.max(3 * connections, asked.length) })
  const [cpu, database] = [cpuMicros(server), postgresMicros(postgres)]
  const measured = await clients.run({ seconds })
  const { requests, wrong, example } = measured
  const spent = { server: (cpuMicros(server) - cpu) / requests, postgres: (postgresMicros(postgres) - database) / requests }
  await clients.close()
  if (wrong > 0) throw new Error(`${name}: ${wrong} of ${requests} answers were wrong, such as ${example.slice(0, 1_000)}`)
  return { ...measured, ...spent, perSecond: requests / measured.seconds }
}

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { freePort } from './postgres.ts'

/** A request as a server got it. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
}

export interface Listener {
  readonly host: string
  readonly received: Received[]
  stop(): Promise<void>
}

/** A server that writes down what it gets, and answers with 200 unless told otherwise. */
export async function startListener(
  answer: (response: ServerResponse, request: IncomingMessage) => void = (response) => response.end('passed'),
): Promise<Listener> {
  const received: Received[] = []
  const server = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming
    let bytes = 0
    incoming.on('data', (part: Buffer) => {
      bytes += part.length
    })
    incoming.on('end', () => {
      received.push({ method, url, headers, bytes })
      answer(response, incoming)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    received,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** One request with headers that `fetch` would not send, over a connection of its own or of an agent. */
export const ask = (url: string, headers: OutgoingHttpHeaders = {}, method = 'GET', body = '', agent: Agent | false = false): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    sent.on('error', reject).end(body)
  })

const commands = {
  nginx: { file: 'nginx.conf', args: (file: string, folder: string) => ['-c', file, '-p', folder] },
  caddy: { file: 'Caddyfile', args: (file: string) => ['run', '--config', file, '--adapter', 'caddyfile'] },
} as const
export type Program = keyof typeof commands

export interface Fronting {
  /** Where aura-keys and the application listen, as host and port. */
  readonly aura: string
  readonly app: string
  readonly instanceId: string
  readonly gatewayToken: string
}

/** Starts a program with the configuration that `configure` makes for a free port, and answers once it answers there. */
export async function startFront(program: Program, configure: (port: number) => string): Promise<{ url: string; stop(): Promise<void> }> {
  const { file, args } = commands[program]
  const folder = mkdtempSync(join(tmpdir(), `aura-keys-${program}-`))
  // As root nginx works as another user, who keeps long bodies there.
  chmodSync(folder, 0o755)
  const port = await freePort()
  const configuration = join(folder, file)
  writeFileSync(configuration, configure(port))
  const env = { PATH: `${process.env['PATH']}:/usr/sbin`, HOME: folder }
  const child = spawn(program, args(configuration, folder), { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let complaints = ''
  child.stderr.on('data', (part: Buffer) => {
    complaints += part
  })
  const url = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  await vi
    .waitFor(() => ask(url), { timeout: 10_000 })
    .catch(async () => {
      await stop()
      throw new Error(`${program} does not answer: ${complaints}`)
    })
  return { url, stop }
}

/** The gateway of `examples/gateways`, with other addresses and its words in capitals replaced, once it answers. */
export const startGateway = (program: Program, { aura, app, instanceId, gatewayToken }: Fronting): ReturnType<typeof startFront> =>
  startFront(program, (port) => {
    const changes = [
      ['127.0.0.1:4000', aura],
      ['127.0.0.1:8000', app],
      ['127.0.0.1:8080', `127.0.0.1:${port}`],
      [/(?<=[= ])INSTANCE_ID/, instanceId],
      [/(?<= )GATEWAY_TOKEN(?=;?\n)/, gatewayToken],
    ] as const
    const text = readFileSync(`examples/gateways/${commands[program].file}`, 'utf8').replace(/^#.*\n/, '')
    return changes.reduce((changed, [from, to]) => changed.replace(from, to), text)
  })

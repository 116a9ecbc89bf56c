// What both scripts need: a token that is fresh, and patience that does not bring all clients back at the same moment.

/** A token for each connection. Ask your identity provider here; the example takes it from the environment, or from a command that prints one. */
export async function token() {
  if (process.env.TOKEN_COMMAND === undefined) return process.env.TOKEN
  const { execFile } = await import('node:child_process')
  const { promisify } = await import('node:util')
  const { stdout } = await promisify(execFile)('sh', ['-c', process.env.TOKEN_COMMAND])
  return stdout.trim()
}

/** Waits before attempt number `retries`: up to half a second, a second, two … thirty, anywhere in between. */
export const backoff = (retries) => new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(30_000, 500 * 2 ** retries)))

/**
 * Whether to come back after a WebSocket closed. 4403: the token ended, or the member was removed; a new token tells which.
 * 1001: the server stops, another one answers. 1013: it was too busy, this client read too slowly, or the member has too many sockets.
 * 4408: opening took too long.
 * What is left says that this client does something wrong, and would again.
 */
export const worthRetrying = (closed) => !('code' in closed) || ![4400, 4401, 4406, 4409, 4429].includes(closed.code)

/** What node-postgres has on a client but leaves out of its types. */
interface Inner {
  readonly connection: {
    readonly stream: { destroy(): void; cork(): void; uncork(): void }
    connect(port: number, host: string): void
    requestSsl(): void
    cancel(processId: number, secretKey: number): void
    once(event: 'connect' | 'sslconnect' | 'error' | 'end', listener: () => void): void
    on(event: 'error', listener: () => void): void
  }
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  readonly ssl: unknown
}

export const innerOf = (client: object): Inner => client as unknown as Inner

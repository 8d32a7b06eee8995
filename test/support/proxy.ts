// A TCP proxy for tests that puts faults between a client and a server.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A port of this machine, or a Unix socket. */
export type Target = { readonly port: number } | { readonly path: string }

/**
 * What the proxy does with what it is sent. `pass`: it goes on; `refuse`: connections are closed at once; `silent`:
 * connections stay open and nothing goes through, as when the other side has lost its power; `drip`: the server's bytes
 * come one by one.
 */
export type Fault = 'pass' | 'refuse' | 'silent' | 'drip'

export class TcpProxy {
  readonly port: number
  /** Connections that were ever accepted. */
  accepted = 0
  fault: Fault = 'pass'
  /** How much later the server's bytes arrive, in ms. */
  latency = 0
  readonly #server: Server
  readonly #target: Target
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, target: Target) {
    this.#server = server
    this.#target = target
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (client) => this.#serve(client))
  }

  static async start(target: Target): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, target)
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(client: Socket): void {
    this.accepted++
    if (this.fault === 'refuse') {
      client.destroy()
      return
    }
    const server = connect(this.#target)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (this.fault !== 'silent') server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (this.fault === 'drip') void this.#drip(client, bytes)
      else if (this.fault === 'silent') return
      else if (this.latency > 0) setTimeout(() => client.write(bytes), this.latency)
      else client.write(bytes)
    })
  }

  async #drip(client: Socket, bytes: Buffer): Promise<void> {
    for (let i = 0; i < bytes.length && !client.destroyed; i++) {
      client.write(bytes.subarray(i, i + 1))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

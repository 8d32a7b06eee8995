// Forwards a port to another one, as network address translation does.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export class Forwarder {
  /** The target port; set before the first connection. */
  target = 0
  /** The number of connections so far. */
  connections = 0
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((inner) => {
    this.connections++
    const outer = connect(this.target, '127.0.0.1')
    for (const socket of [inner, outer]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true).on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        inner.destroy()
        outer.destroy()
      })
    }
    inner.pipe(outer).pipe(inner)
  })

  static async listen(): Promise<Forwarder> {
    const forwarder = new Forwarder()
    await once(forwarder.#server.listen(0, '127.0.0.1'), 'listening')
    return forwarder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

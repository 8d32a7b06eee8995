// A port that leads to another one, as a translated address does.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export class Forwarder {
  /** Where it leads; set before anybody comes. */
  target = 0
  /** How many have come. */
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

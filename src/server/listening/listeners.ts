// The listening sockets of a server: TCP, for connections with and without TLS, and a Unix socket.

import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import type { Logger } from '../logger.ts'
import { releasePath, restrict, withMode } from './unix-socket.ts'

export interface ListenersOptions {
  /** The length of the queue of connections to accept. */
  readonly backlog: () => number
  readonly log: Logger
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #servers: Server[] = []
  #isClosed = false

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  /**
   * Listens on one more address. Port 0: any free port.
   * @param allowHalfOpen whether a connection stays open after its client has closed its end
   * @throws if the address cannot be used, or this is closed meanwhile
   */
  async tcp(
    host: string,
    port: number,
    accept: (socket: Socket) => void,
    allowHalfOpen = true,
  ): Promise<AddressInfo> {
    const server = await this.#listen({ host, port }, accept, allowHalfOpen)
    return server.address() as AddressInfo
  }

  /**
   * Listens on a Unix socket. It is removed when this is closed.
   * @param mode its permissions; 0: those that the process's umask leaves
   * @throws if something else is at the path
   */
  async unix(path: string, mode: number, accept: (socket: Socket) => void): Promise<void> {
    await releasePath(path)
    const restore = withMode(mode)
    // The socket file is created before `listen` returns: the umask applies to it.
    const listening = this.#listen({ path }, accept)
    restore()
    await listening
    restrict(path, mode)
  }

  /** Accepts no more connections. Resolves when the accepted ones are closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  async #listen(at: ListenOptions, accept: (socket: Socket) => void, allowHalfOpen = true): Promise<Server> {
    const { log, backlog } = this.#options
    const server = createServer({ allowHalfOpen, noDelay: true }, accept)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...at, backlog: backlog() }, resolve)
    })
    server.removeAllListeners('error')
    if (this.#isClosed) {
      await new Promise((resolve) => server.close(resolve))
      throw new Error('the server was closed before it listened')
    }
    server.on('error', (err) => log.error({ err }, 'a listening socket failed'))
    this.#servers.push(server)
    return server
  }
}

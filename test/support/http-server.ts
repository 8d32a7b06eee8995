// An HTTP server of this process, and a node whose group `pages` loads from it.

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions, type Server as TlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Config, http } from '../../src/index.ts'
import { certificate, key } from './certificate.ts'
import { startNode, type TestNode } from './node.ts'

type GroupInput = NonNullable<Config['groups']>[string]
type HttpInput = Partial<Parameters<typeof http>[0]>

/** The port of a server that ends with the test. */
export function serveHttp(handler: RequestListener): Promise<number> {
  return serve(createServer(handler))
}

/** The same with TLS and the certificate of `certificate.ts`. */
export function serveHttps(handler: RequestListener, options: ServerOptions = {}): Promise<number> {
  return serve(createTlsServer({ cert: certificate, key, ...options }, handler))
}

/** The port of a server that speaks HTTP by hand: `talk` is called for each request on a connection. */
export async function serveRaw(
  talk: (socket: Socket, request: string, nth: number) => void,
): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    let requests = 0
    let received = ''
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      for (;;) {
        const end = received.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0)
        if (end < 0 || received.length < end + 4 + length) return
        const request = received.slice(0, end + 4 + length)
        received = received.slice(end + 4 + length)
        talk(socket, request, ++requests)
      }
    })
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

/** A node with one group that loads `/key` from a local port. */
export async function startPages(
  port: number,
  group: GroupInput = {},
  origin: HttpInput = {},
): Promise<TestNode> {
  const pages = { jitter: 0, ...group, origin: http({ url: `http://127.0.0.1:${port}/{key}`, ...origin }) }
  const node = await startNode({ groups: { pages } })
  onTestFinished(() => node.close())
  return node
}

function serve(server: Server | TlsServer): Promise<number> {
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return listen(server)
}

async function listen(server: Server | TlsServer | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

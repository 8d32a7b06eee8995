// Ports for nodes that must be known before they listen.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** So many ports of 127.0.0.1 that are free now: all taken before one is given back, so that no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** The first of so many ports of 127.0.0.1 that follow each other and are free now. */
export async function freePortRun(count: number): Promise<number> {
  for (;;) {
    const [first] = await freePorts(1)
    const servers: Server[] = []
    try {
      for (let i = 0; i < count; i++) {
        const server = createServer().listen(first + i, '127.0.0.1')
        servers.push(server)
        await once(server, 'listening')
      }
      return first
    } catch {
      // One of them is taken, or beyond the last there is.
    } finally {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    }
  }
}

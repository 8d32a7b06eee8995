// Ports for nodes that must be known before they listen.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** So many ports of 127.0.0.1 that are free now: all taken before one is given back, so that no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

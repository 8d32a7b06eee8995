// Which ports a node listens on, by its settings.

import type { Settings } from './settings.ts'

export type Ports = Pick<Settings, 'port' | 'tlsPort' | 'unixsocket'>

/**
 * Whether there is a port without TLS. Port 0 means any free port, if the node listens nowhere else; beside a TLS port or
 * a Unix socket it means none, as in Redis.
 */
export function hasPlainPort({ port, tlsPort, unixsocket }: Ports): boolean {
  return port !== 0 || (tlsPort === 0 && unixsocket === '')
}

/** The port at which other nodes reach this one. */
export function linkPort({
  port,
  tlsPort,
  tlsCluster,
}: Pick<Settings, 'port' | 'tlsPort' | 'tlsCluster'>): number {
  return tlsCluster ? tlsPort : port
}

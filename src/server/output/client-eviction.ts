// Client eviction (Redis: `maxmemory-clients`): when clients together have too many unread replies, those with the most
// are closed.

import type { UnreadBytes } from './unread-bytes.ts'

/** A client that may be closed. */
export interface Evictable {
  readonly isPeer: boolean
  /** CLIENT NO-EVICT. */
  readonly noEvict: boolean
  readonly outputBufferBytes: number
  /** Closes it, and drops its replies. */
  evict(): void
}

/** Closes clients until the limit holds. Other nodes are bounded by backpressure, and are never closed. */
export function evictClients(clients: ReadonlyMap<number, Evictable>, unread: UnreadBytes): void {
  while (unread.isExceeded) {
    let largest: Evictable | undefined
    let most = 0
    for (const client of clients.values()) {
      const { outputBufferBytes } = client
      if (client.isPeer || client.noEvict || outputBufferBytes <= most) continue
      largest = client
      most = outputBufferBytes
    }
    if (largest === undefined) return
    largest.evict()
  }
}

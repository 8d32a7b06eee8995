// Client eviction (Redis: `maxmemory-clients`): when clients together hold too much memory, those with the most are
// closed. Unread replies are checked as they grow, the memory of requests once a second.

import type { UnreadBytes } from './unread-bytes.ts'

/** A client that may be closed. */
export interface Evictable {
  readonly isPeer: boolean
  /** CLIENT NO-EVICT. */
  readonly noEvict: boolean
  readonly outputBufferBytes: number
  /** Bytes of its unread replies, its incomplete request, and the commands queued since MULTI. */
  readonly heldBytes: number
  /** Closes it, and drops its replies. */
  evict(): void
}

/**
 * Closes clients until the limit on unread replies holds. Other nodes have backpressure instead, and are never closed.
 */
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

/** Closes clients until all together hold at most `limit` bytes. */
export function evictByHeld(clients: ReadonlyMap<number, Evictable>, limit: number): void {
  let held = 0
  for (const client of clients.values()) if (!client.isPeer) held += client.heldBytes
  if (held <= limit) return
  const mayGo = [...clients.values()].filter(({ isPeer, noEvict }) => !isPeer && !noEvict)
  mayGo.sort((a, b) => b.heldBytes - a.heldBytes)
  for (const client of mayGo) {
    if (held <= limit) return
    held -= client.heldBytes
    client.evict()
  }
}

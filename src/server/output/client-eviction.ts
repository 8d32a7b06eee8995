// Client eviction (Redis: `maxmemory-clients`): when clients together hold too much memory, those with the most are
// closed. Unread replies and HTTP responses are checked as they grow, the memory of requests once a second.

import type { HttpClient } from '../../telemetry/http-stats.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { Logger } from '../logger.ts'
import type { UnreadBytes } from './unread-bytes.ts'

export interface EvictionServices {
  readonly stats: NodeStats
  readonly log: Logger
}

/** A client that may be closed. */
export interface Evictable {
  readonly isPeer: boolean
  /** CLIENT NO-EVICT. */
  readonly noEvict: boolean
  readonly outputBufferBytes: number
  /** Bytes of its unread replies, its incomplete request, the commands queued since MULTI, and the keys that it watches. */
  readonly heldBytes: number
  /** Closes it, and drops its replies. */
  evict(): void
}

/**
 * Closes clients until the limit on unread replies holds. Other nodes have backpressure instead, and are never closed.
 */
export function evictClients(clients: Iterable<Evictable>, unread: UnreadBytes): void {
  const all = [...clients]
  while (unread.isExceeded) {
    let largest: Evictable | undefined
    let most = 0
    for (const client of all) {
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
export function evictByHeld(clients: Iterable<Evictable>, limit: number): void {
  const mayGo: { readonly client: Evictable; readonly heldBytes: number }[] = []
  let held = 0
  for (const client of clients) {
    const { isPeer, heldBytes } = client
    if (isPeer || heldBytes === 0) continue
    held += heldBytes
    if (!client.noEvict) mayGo.push({ client, heldBytes })
  }
  if (held <= limit) return
  mayGo.sort((a, b) => b.heldBytes - a.heldBytes)
  for (const { client, heldBytes } of mayGo) {
    if (held <= limit) return
    held -= heldBytes
    client.evict()
  }
}

/** Counts an eviction, and logs it: before it, as `heldBytes` is 0 afterwards. */
export function reportEviction(
  { stats, log }: EvictionServices,
  { id, address, heldBytes }: { readonly id: number; readonly address: string; readonly heldBytes: number },
): void {
  stats.evictedClients++
  log.warn(
    { client: id, address, held: heldBytes },
    'closing the client with the most unread replies and requests: all together are above maxmemory-clients',
  )
}

/** An HTTP connection, which holds the responses that its client has not read. */
export class EvictableHttp implements Evictable {
  readonly isPeer = false
  readonly noEvict = false
  readonly #client: HttpClient
  readonly #services: EvictionServices

  constructor(client: HttpClient, services: EvictionServices) {
    this.#client = client
    this.#services = services
  }

  get outputBufferBytes(): number {
    return this.#client.unsentBytes
  }

  get heldBytes(): number {
    return this.#client.unsentBytes
  }

  evict(): void {
    const { id, address, unsentBytes } = this.#client
    reportEviction(this.#services, { id, address, heldBytes: unsentBytes })
    this.#client.destroy()
  }
}

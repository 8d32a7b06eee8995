// Relays flushes to nodes that were recently given slots: entries may have moved there ahead of the flush.

/*
 * A flush of a group, or of a tag, runs on every node, but not at the same moment. A node that has run it may gain a slot
 * whose previous owner has not run it yet, and would be handed entries from before the flush. So the previous owner,
 * once it has run the flush, sends it to every node that it released slots to within the last RELAY_MS. It uses the link
 * that carries the entries, so they have arrived by then. That node runs the flush (again), and passes it on in turn
 * (`path`: the nodes that have passed it on).
 *
 * The flush is not over, and not acknowledged, while it is being passed on: the caller asks again
 * (`isPassing`). So whatever was written meanwhile, and is removed by it, was written while the flush was running.
 */

import { delay, type Timers } from '../../bytes/clock.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import type { Reply } from '../links/request.ts'

/** The delay before a node is asked again, ms. */
const RETRY_MS = 5

export interface FlushRelayOptions {
  readonly self: string
  readonly instant: Instant
  readonly timers: Timers
  /** The maximum time that a flush takes to reach all nodes, ms: only slots released within it are affected. */
  readonly relayMs: number
  readonly ask: (name: string, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
}

export class FlushRelay {
  readonly #options: FlushRelayOptions
  /** By member: when slots were last released to it, ms since the epoch. */
  readonly #releasedAt = new Map<string, number>()
  /** The flushes that are being passed on, each to one member. */
  readonly #passing = new Set<{ readonly to: string }>()

  constructor(options: FlushRelayOptions) {
    this.#options = options
  }

  released(to: string): void {
    this.#releasedAt.set(to, this.#options.instant.now)
  }

  /** A member has died, restarted or left: its successor received nothing from this node. */
  peerGone(name: string): void {
    this.#releasedAt.delete(name)
    for (const flush of this.#passing) if (flush.to === name) this.#passing.delete(flush)
  }

  /** This node has run a flush of the group: of these tags, or without tags of everything. */
  flushed(group: Group, tags: readonly Buffer[] = [], path: readonly string[] = []): void {
    const { instant, relayMs, self } = this.#options
    instant.refresh()
    for (const [name, at] of this.#releasedAt) {
      if (instant.now - at > relayMs) this.#releasedAt.delete(name)
      else if (!path.includes(name)) void this.#pass(name, group, tags, [...path, self])
    }
  }

  /** Whether a flush is being passed on, except to nodes that have passed it on themselves. */
  isPassing(path: readonly string[] = []): boolean {
    return [...this.#passing].some(({ to }) => !path.includes(to))
  }

  close(): void {
    this.#passing.clear()
  }

  async #pass(to: string, group: Group, tags: readonly Buffer[], path: readonly string[]): Promise<void> {
    const { ask, timers } = this.#options
    const flush = { to }
    this.#passing.add(flush)
    let request = ['PEER', 'FLUSH', path.join(' '), ...tags]
    while (this.#passing.has(flush)) {
      const reply = await ask(to, group, request).catch(() => undefined)
      // A node of an earlier version replies with an error.
      if (String(reply) === 'OK' || reply instanceof Error) break
      // It has run the flush, and is relaying it.
      if (String(reply) === 'passing') request = ['PEER', 'FLUSHED', path.join(' ')]
      await delay(timers, RETRY_MS)
    }
    this.#passing.delete(flush)
  }
}

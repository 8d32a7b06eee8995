// Passes flushes on to the nodes that have been given slots lately: entries may have gone there ahead of the flush.

/*
 * A flush of a group, or of a tag, runs on every node, but not at the same moment. A node that has run it may gain a slot
 * whose previous owner has not run it yet, and would be handed entries from before the flush. So the previous owner,
 * once it has run the flush, sends it to every node that it released slots to within the last RELAY_MS. It uses the link
 * that carries the entries, so they have arrived by then. That node runs the flush (again), and passes it on in turn
 * (`path`: the nodes that have passed it on).
 *
 * The flush is not over, and not acknowledged, while it is being passed on: whoever asked for it asks again
 * (`isPassing`). So whatever was written meanwhile, and is removed by it, was written while the flush was running.
 */

import type { Timers } from '../../bytes/clock.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import type { Reply } from '../links/request.ts'

/** The wait before a node is asked again, ms. */
const RETRY_MS = 5

export interface FlushRelayOptions {
  readonly self: string
  readonly instant: Instant
  readonly timers: Timers
  /** For how long a flush may be on its way to a node, ms: slots released earlier were released after it ran there. */
  readonly relayMs: number
  readonly ask: (name: string, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
}

export class FlushRelay {
  readonly #options: FlushRelayOptions
  /** By member: when slots were last released to it, ms since the epoch. */
  readonly #releasedAt = new Map<string, number>()
  /** By member: the flushes being passed on to it. */
  readonly #passing = new Map<string, Set<symbol>>()

  constructor(options: FlushRelayOptions) {
    this.#options = options
  }

  released(to: string): void {
    this.#releasedAt.set(to, this.#options.instant.now)
  }

  /** A member has died, restarted or left: whoever takes its place got nothing from this node. */
  peerGone(name: string): void {
    this.#releasedAt.delete(name)
    this.#passing.delete(name)
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
    return [...this.#passing.keys()].some((name) => !path.includes(name))
  }

  async #pass(name: string, group: Group, tags: readonly Buffer[], path: readonly string[]): Promise<void> {
    const { ask, timers } = this.#options
    const flush = Symbol()
    let flushes = this.#passing.get(name)
    if (flushes === undefined) {
      flushes = new Set()
      this.#passing.set(name, flushes)
    }
    flushes.add(flush)
    let request = ['PEER', 'FLUSH', path.join(' '), ...tags]
    while (this.#passing.get(name)?.has(flush)) {
      const reply = await ask(name, group, request).catch(() => undefined)
      // A node of an earlier version refuses it.
      if (String(reply) === 'OK' || reply instanceof Error) break
      // It has run the flush, and is passing it on.
      if (String(reply) === 'passing') request = ['PEER', 'FLUSHED', path.join(' ')]
      await new Promise<void>((resolve) => void timers.after(RETRY_MS, resolve))
    }
    flushes.delete(flush)
    if (flushes.size === 0 && this.#passing.get(name) === flushes) this.#passing.delete(name)
  }
}

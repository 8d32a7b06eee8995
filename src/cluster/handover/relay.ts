// Relays flushes to nodes that were recently given slots: entries may have moved there ahead of the flush.

/*
 * A flush of a group, or of a tag, runs on every node, but not at the same moment. A node that has run it may gain a slot
 * whose previous owner has not run it yet, and would be handed entries from before the flush. So the previous owner,
 * once it has run the flush, sends it to every node that it released slots to within the last RELAY_MS. It uses the link
 * that carries the entries, so they have arrived by then. That node runs the flush (again), and passes it on in turn
 * (`path`: the nodes that have passed it on, and behind the first one the number that it has given to the flush).
 *
 * The flush is not over, and not acknowledged, while it is being passed on: the caller asks again
 * (`isPassing`). So whatever was written meanwhile, and is removed by it, was written while the flush was running.
 *
 * What waits: a node that has passed a flush on waits only for what its receiver passes on because of that, which has a
 * longer path. No path has a node twice, so nodes that have released slots to each other in a circle, and all pass their
 * own flushes on, never wait for each other.
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

/** A flush on its way to one member. */
interface Pass {
  readonly to: string
  /** The path with which it came here; '': it began here. */
  readonly from: string
}

export class FlushRelay {
  readonly #options: FlushRelayOptions
  /** By member: when slots were last released to it, ms of the monotonic time. */
  readonly #releasedAt = new Map<string, number>()
  readonly #passing = new Set<Pass>()
  /** The number of flushes that began here and were passed on. */
  #begun = 0

  constructor(options: FlushRelayOptions) {
    this.#options = options
  }

  released(to: string): void {
    this.#releasedAt.set(to, this.#options.instant.monotonicMs)
  }

  /** A member has died, restarted or left: its successor received nothing from this node. */
  peerGone(name: string): void {
    this.#releasedAt.delete(name)
    for (const pass of this.#passing) if (pass.to === name) this.#passing.delete(pass)
  }

  /** This node has run a flush of the group: of these tags, or without tags of everything. */
  flushed(group: Group, tags: readonly Buffer[] = [], path: readonly string[] = []): void {
    const { instant, relayMs, self } = this.#options
    instant.refresh()
    // No node has such a name.
    const next = path.length === 0 ? [self, `#${++this.#begun}`] : [...path, self]
    for (const [name, at] of this.#releasedAt) {
      if (instant.monotonicMs - at > relayMs) this.#releasedAt.delete(name)
      else if (!path.includes(name)) void this.#pass({ to: name, from: path.join(' ') }, group, tags, next)
    }
  }

  /** Whether a flush that came with this path, or any that began here, is being passed on. */
  isPassing(path: readonly string[] = []): boolean {
    const from = path.join(' ')
    return [...this.#passing].some((pass) => pass.from === from)
  }

  close(): void {
    this.#passing.clear()
  }

  async #pass(pass: Pass, group: Group, tags: readonly Buffer[], path: readonly string[]): Promise<void> {
    const { ask, timers } = this.#options
    this.#passing.add(pass)
    let request = ['PEER', 'FLUSH', path.join(' '), ...tags]
    while (this.#passing.has(pass)) {
      const reply = await ask(pass.to, group, request).catch(() => undefined)
      // A node of an earlier version replies with an error.
      if (String(reply) === 'OK' || reply instanceof Error) break
      // It has run the flush, and is relaying it.
      if (String(reply) === 'passing') request = ['PEER', 'FLUSHED', path.join(' ')]
      await delay(timers, RETRY_MS)
    }
    this.#passing.delete(pass)
  }
}

// When conclusions are drawn from what peers report: at once in a small cluster, together for many messages in a large one.
//
// A conclusion costs a pass over the reports of all members. Each change (a death, a join) is reported by every member, so
// without batches n members cost n passes each. A batch delays a conclusion as if the messages had come that much later.

import type { CancelTimer, Timers } from '../../../bytes/clock.ts'

/** With fewer peers a pass is cheaper than a timer. */
const FEW_PEERS = 64

/** The least time between two conclusions: 1 ms for this many peers, and at most this fraction of the timeout. */
const PEERS_PER_MS = 10
const TIMEOUT_FRACTION = 20

export class Batch {
  /** Whether something was reported since the last conclusion. */
  isPending = false
  readonly #timers: Timers | undefined
  readonly #interval: (peers: number) => number
  #concludedAt = Number.NEGATIVE_INFINITY
  #cancel: CancelTimer | undefined

  /** @param timers without them there are no batches */
  constructor(timers: Timers | undefined, interval: (peers: number) => number) {
    this.#timers = timers
    this.#interval = interval
  }

  /**
   * Something was reported. Returns whether to conclude now; otherwise `conclude` is called later, unless `concluded` is
   * called before.
   */
  isDue(now: number, peers: number, conclude: () => void): boolean {
    this.isPending = true
    const since = now - this.#concludedAt
    const wait = this.#interval(peers) - since
    // A clock that was set back must not delay anything.
    if (this.#timers === undefined || wait <= 0 || since < 0) return true
    this.#cancel ??= this.#timers.after(wait, () => {
      this.#cancel = undefined
      conclude()
    })
    return false
  }

  concluded(now: number): void {
    this.isPending = false
    this.#concludedAt = now
    this.stop()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

/** The least time between two conclusions with that many peers, ms. */
export function batchInterval(peers: number, timeout: number): number {
  return peers < FEW_PEERS ? 0 : Math.min(peers / PEERS_PER_MS, timeout / TIMEOUT_FRACTION)
}

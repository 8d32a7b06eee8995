// How far this node itself is behind: one whose own heartbeats are late is slow to suspect others.
//
// "Local health", Dadgar, Phillips, Currey: "Lifeguard: Local Health Awareness for More Accurate Failure Detection",
// DSN-W 2018. On a machine with much more work than cores a node is starved, and what it has not read yet says nothing
// about its peers, which may be starved as well.

/** A heartbeat is late by more than this part of the timeout. */
const LATE = 1 / 16
/** A late heartbeat counts as so many in time. */
const WEIGHT = 2
/** At most so much, with which silence is death after twice the timeout. */
const MOST = 8

export class LocalHealth {
  readonly #timeout: number
  #behind = 0

  /** @param timeout ms */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** This node sends its heartbeats, `late` ms after the time at which they were due. */
  sent(late: number): void {
    if (late > this.#timeout * LATE) this.#behind = Math.min(MOST, this.#behind + WEIGHT)
    else if (this.#behind > 0) this.#behind--
  }

  /** After this long, ms, a silent peer is down: the timeout, up to twice as much while this node is behind. */
  get patience(): number {
    return this.#timeout * (1 + this.#behind / MOST)
  }
}

// Another member of the cluster: the links to it, and who waits for them.

import type { Lanes } from './lanes.ts'
import type { Link } from './link.ts'
import type { Member } from './member.ts'

/** Who waits, and is told to go on. */
export interface Waiter {
  resume(): void
}

export class Peer {
  readonly member: Member
  /** Its number in tables of owners, from 1. */
  readonly index: number
  readonly lanes: Lanes
  #waiting = new Set<Waiter>()

  constructor(member: Member, index: number, lanes: Lanes) {
    this.member = member
    this.index = index
    this.lanes = lanes
  }

  get name(): string {
    return this.member.name
  }

  /** The link for requests of client `n`: always the same one, so that they keep their order. */
  data(n: number): Link {
    return this.lanes.data(n)
  }

  /** The link for what nodes say to each other. */
  get control(): Link {
    return this.lanes.control()
  }

  /** Whether the control link is through its handshake. */
  get isReachable(): boolean {
    return this.control.isReady
  }

  /** Resumes `waiter` when the links have room again, or break. */
  whenDrained(waiter: Waiter): void {
    this.#waiting.add(waiter)
  }

  drained(): void {
    const waiting = this.#waiting
    if (waiting.size === 0) return
    this.#waiting = new Set()
    for (const waiter of waiting) waiter.resume()
  }
}

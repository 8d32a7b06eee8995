// Another member of the cluster: the links to it, and who waits for them.

import type { Member } from '../member.ts'
import type { Link } from './link.ts'
import type { LinkPool } from './link-pool.ts'
import { type Waiter, Waiters } from './waiters.ts'

/** What went over links, since the peer is known. */
export interface Traffic {
  requests: number
  replies: number
  lost: number
  bytesOut: number
  bytesIn: number
}

export class Peer {
  readonly member: Member
  /** Its number in tables of owners, from 1. */
  readonly index: number
  readonly pool: LinkPool
  /** The link by which copies came, and word of writes to them comes. */
  copyLink: Link | undefined
  /** Changes with each start of its process; '': not known yet. */
  runId = ''
  /** Whether it is known that there is no link: said once. */
  isBroken = false
  readonly #waiters = new Waiters()
  /** Of links that are closed: of data links, of control links. */
  readonly #pastData = noTraffic()
  readonly #pastControl = noTraffic()

  constructor(member: Member, index: number, lanes: LinkPool) {
    this.member = member
    this.index = index
    this.pool = lanes
  }

  get name(): string {
    return this.member.name
  }

  /** The link for requests of client `n`: always the same one, so that they keep their order. */
  data(n: number): Link {
    return this.pool.data(n)
  }

  /** The link for what nodes say to each other. */
  get control(): Link {
    return this.pool.control()
  }

  /** Whether the control link is through its handshake. */
  get isReachable(): boolean {
    return this.control.isReady
  }

  /** What clients of this node asked of the peer. */
  get traffic(): Traffic {
    return this.#sum(this.#pastData, false)
  }

  /** What the nodes said to each other. */
  get controlTraffic(): Traffic {
    return this.#sum(this.#pastControl, true)
  }

  /** A link is closed: what went over it still counts. */
  linkClosed(link: Link): void {
    add(this.pool.isControl(link) ? this.#pastControl : this.#pastData, link)
  }

  #sum(past: Traffic, control: boolean): Traffic {
    const sum = { ...past }
    for (const link of this.pool.links) if (this.pool.isControl(link) === control) add(sum, link)
    return sum
  }

  /** Resumes `waiter` when the links have room again, or break. */
  whenDrained(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  resumeWaiters(): void {
    this.#waiters.resume()
  }
}

function noTraffic(): Traffic {
  return { requests: 0, replies: 0, lost: 0, bytesOut: 0, bytesIn: 0 }
}

function add(sum: Traffic, { requests, replies, lost, bytesOut, bytesIn }: Readonly<Traffic>): void {
  sum.requests += requests
  sum.replies += replies
  sum.lost += lost
  sum.bytesOut += bytesOut
  sum.bytesIn += bytesIn
}

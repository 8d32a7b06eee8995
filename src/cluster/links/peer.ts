// Another member of the cluster: its links, their traffic, and the senders that wait for them.

import type { ClientPorts, Member } from '../member.ts'
import { type Waiter, Waiters } from '../waiters.ts'
import type { Link } from './link.ts'
import type { LinkPool } from './link-pool.ts'

/** Traffic over links since the peer was added. */
export interface Traffic {
  requests: number
  replies: number
  lost: number
  bytesOut: number
  bytesIn: number
}

export class Peer {
  readonly member: Member
  /** Its number in tables of owners, at least 1. */
  readonly index: number
  readonly pool: LinkPool
  /** The link over which hot copies were fetched, and over which they are invalidated. */
  copyLink: Link | undefined
  /** Differs for each start of its process; '' before the first contact. */
  runId = ''
  /** Whether this run has said farewell: no more requests of clients are sent to it. See `Leaving`. */
  hasLeft = false
  /** The ports at which clients reach it; `undefined`: it has not sent them. */
  clientPorts: ClientPorts | undefined
  /** Whether the loss of the link was logged. */
  isBroken = false
  /** The last run that has said farewell. */
  #leftRunId = ''
  readonly #waiters = new Waiters()
  /** The traffic of closed data links and of closed control links. */
  readonly #closedData = noTraffic()
  readonly #closedControl = noTraffic()

  constructor(member: Member, index: number, pool: LinkPool) {
    this.member = member
    this.index = index
    this.pool = pool
  }

  get name(): string {
    return this.member.name
  }

  /** This run answers. */
  identify(runId: string): void {
    this.runId = runId
    this.hasLeft = runId === this.#leftRunId
  }

  /** This run says farewell. */
  leaves(runId: string): void {
    this.#leftRunId = runId
    this.hasLeft = this.runId === '' || this.runId === runId
  }

  /** The data link of client `n`: always the same one, so that its requests keep their order. */
  data(n: number): Link {
    return this.pool.data(n)
  }

  /**
   * The link for reads of the whole keyspace; while the peer is not reachable, the control link, whose sends fail at
   * once.
   */
  get bulk(): Link {
    return this.isReachable ? this.pool.bulk() : this.control
  }

  /** The link for heartbeats and slot ownership. */
  get control(): Link {
    return this.pool.control()
  }

  /** When it last replied to a forwarded request, ms since the epoch; 0: never, or not over the present links. */
  get repliedAt(): number {
    let at = 0
    for (const link of this.pool.links) if (!this.pool.isControl(link)) at = Math.max(at, link.repliedAt)
    return at
  }

  /** Whether the control link is ready. */
  get isReachable(): boolean {
    return this.control.isReady
  }

  /** Commands that this node forwarded to the peer. */
  get traffic(): Traffic {
    return this.#sum(this.#closedData, false)
  }

  /** Messages between the nodes themselves. */
  get controlTraffic(): Traffic {
    return this.#sum(this.#closedControl, true)
  }

  /** A link was closed. Its traffic still counts. */
  linkClosed(link: Link): void {
    add(this.pool.isControl(link) ? this.#closedControl : this.#closedData, link)
  }

  #sum(closed: Traffic, control: boolean): Traffic {
    const sum = { ...closed }
    for (const link of this.pool.links) if (this.pool.isControl(link) === control) add(sum, link)
    return sum
  }

  /** Resumes `waiter` when a queue has room again, or a link breaks. */
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

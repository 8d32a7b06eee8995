// The pool of links to one peer: data links and a bulk link, opened on first use, and one control link, kept open.

import type { CancelTimer } from '../../bytes/clock.ts'
import type { Hello } from './handshake.ts'
import { Link, type LinkOptions, type LinkOwner } from './link.ts'

/** The wait before the control link is reopened: exponential backoff with half of it random, ms. */
const FIRST_WAIT = 50
const LONGEST_WAIT = 2000

export interface LinkPoolOptions extends LinkOptions {
  /** The number of data links, at least 1. */
  readonly size: number
  /** Uniform in [0, 1). */
  random(): number
}

export class LinkPool implements LinkOwner {
  readonly #options: LinkPoolOptions
  readonly #owner: LinkOwner
  readonly #data: (Link | undefined)[]
  #bulk: Link | undefined
  #control: Link | undefined
  #cancel: CancelTimer | undefined
  /** Attempts to reopen the control link since it was last ready. */
  #attempts = 0
  #isClosed = false
  /** Whether the peer accepts traces, by its last handshake. */
  #takesTraces = false

  /** @param owner receives the events of all links */
  constructor(options: LinkPoolOptions, owner: LinkOwner) {
    this.#options = options
    this.#owner = owner
    this.#data = Array.from({ length: options.size })
  }

  /** The data link of client `n`: always the same one, so that its requests keep their order. */
  data(n: number): Link {
    const index = n % this.#data.length
    let link = this.#data[index]
    if (link === undefined || (link.isClosed && !this.#isClosed)) {
      link = this.#open()
      this.#data[index] = link
    }
    return link
  }

  /** The link for commands on the whole keyspace: heartbeats and commands on single keys must not wait behind them. */
  bulk(): Link {
    if (this.#bulk === undefined || (this.#bulk.isClosed && !this.#isClosed)) this.#bulk = this.#open()
    return this.#bulk
  }

  /**
   * The control link. After its first use it is reopened whenever it closes, after a backoff. Requests sent during the
   * backoff are lost at once.
   */
  control(): Link {
    this.#control ??= this.#open()
    return this.#control
  }

  /** Ends the backoff of the control link, if there is one: the peer is known to be reachable. */
  reconnectNow(): void {
    if (this.#cancel !== undefined) this.#reopen()
  }

  isControl(link: Link): boolean {
    return link === this.#control
  }

  /** The open links, the control link first. */
  get links(): readonly Link[] {
    return [this.#control, this.#bulk, ...this.#data].filter(
      (link) => link !== undefined && !link.isClosed,
    ) as Link[]
  }

  /** Closes all links for good. Requests without a reply are lost. */
  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    this.#cancel = undefined
    for (const link of this.links) link.close()
  }

  onDirty(link: Link): void {
    this.#owner.onDirty(link)
  }

  onReady(link: Link, hello: Hello): void {
    this.#takesTraces = link.takesTraces
    this.#owner.onReady(link, hello)
    // The owner may have closed the link, if it rejects this peer.
    if (link === this.#control && !link.isClosed) this.#attempts = 0
  }

  onPush(link: Link, frame: Buffer): void {
    this.#owner.onPush(link, frame)
  }

  onDrain(link: Link): void {
    this.#owner.onDrain(link)
  }

  onClose(link: Link, reason: string, refused: boolean): void {
    if (link === this.#control && !this.#isClosed) this.#scheduleReopen()
    this.#owner.onClose(link, reason, refused)
  }

  #open(): Link {
    const link = new Link(this.#options, this, this.#takesTraces)
    if (this.#isClosed) link.close()
    return link
  }

  #scheduleReopen(): void {
    const { timers, random } = this.#options
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempts)
    this.#attempts++
    this.#cancel = timers.after(most / 2 + (random() * most) / 2, () => this.#reopen())
  }

  #reopen(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#control = this.#open()
  }
}

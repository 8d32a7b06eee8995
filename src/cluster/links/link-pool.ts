// The links to one peer: several for data, opened when used, and one for control, which is kept.

import type { CancelTimer } from '../../bytes/clock.ts'
import type { Hello } from './handshake.ts'
import { Link, type LinkOptions, type LinkOwner } from './link.ts'

/** The wait before the control link is tried again doubles from one to the other, ms; half of it is random. */
const FIRST_WAIT = 50
const LONGEST_WAIT = 2000

export interface LinkPoolOptions extends LinkOptions {
  /** How many data links there are at most; at least 1. */
  readonly size: number
  /** Uniform in [0, 1). */
  random(): number
}

export class LinkPool implements LinkOwner {
  readonly #options: LinkPoolOptions
  readonly #owner: LinkOwner
  readonly #data: (Link | undefined)[]
  #control: Link | undefined
  #cancel: CancelTimer | undefined
  /** Attempts at the control link since it was last ready. */
  #attempts = 0
  #isClosed = false

  /** @param owner told of all the links, as of links of its own */
  constructor(options: LinkPoolOptions, owner: LinkOwner) {
    this.#options = options
    this.#owner = owner
    this.#data = Array.from({ length: options.size })
  }

  /** The data link of client `n`: always the same, so that its requests stay in order. */
  data(n: number): Link {
    const lane = n % this.#data.length
    let link = this.#data[lane]
    if (link === undefined || (link.isClosed && !this.#isClosed)) {
      link = this.#open()
      this.#data[lane] = link
    }
    return link
  }

  /**
   * The control link. From its first use on it is opened again whenever it closes, after a while; meanwhile what is
   * sent to it is lost at once.
   */
  control(): Link {
    this.#control ??= this.#open()
    return this.#control
  }

  /** Ends the wait before the control link is opened again, if there is one: the peer was heard of. */
  reconnectNow(): void {
    if (this.#cancel !== undefined) this.#reopen()
  }

  isControl(link: Link): boolean {
    return link === this.#control
  }

  /** The links in use, that for control first. */
  get links(): readonly Link[] {
    return [this.#control, ...this.#data].filter((link) => link !== undefined && !link.isClosed) as Link[]
  }

  /** Ends all links at once, for good; what has no reply is lost. */
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
    this.#owner.onReady(link, hello)
    // An owner that does not want this peer has closed the link.
    if (link === this.#control && !link.isClosed) this.#attempts = 0
  }

  onPush(link: Link, frame: Buffer): void {
    this.#owner.onPush(link, frame)
  }

  onDrain(link: Link): void {
    this.#owner.onDrain(link)
  }

  onClose(link: Link, reason: string, refused: boolean): void {
    if (link === this.#control && !this.#isClosed) this.#retry()
    this.#owner.onClose(link, reason, refused)
  }

  #open(): Link {
    const link = new Link(this.#options, this)
    if (this.#isClosed) link.close()
    return link
  }

  #retry(): void {
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

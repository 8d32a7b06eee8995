// Requests of a link whose replies the peer has deferred: they arrive out of order, each announced by its number.

import { ShortLivedMap } from '../../bytes/short-lived.ts'
import type { Receiver, Sender } from './receiver.ts'

interface DeferredRequest {
  readonly receiver: Receiver
  /** A copy of the request, in case the link breaks. */
  readonly request: Buffer
}

export class DeferredReplies {
  /** Requests that count against the link's queue limit (blocking ones do not), and their bytes. */
  count = 0
  bytes = 0
  /** The number of the request whose reply is received next; -1: the next reply is not a deferred one. */
  next = -1
  readonly #requests = new ShortLivedMap<number, DeferredRequest>()

  readonly #link: Sender

  constructor(link: Sender) {
    this.#link = link
  }

  /** Returns false if the number is not valid or is in use. */
  add(id: number, receiver: Receiver, request: Buffer): boolean {
    if (!(id >= 0) || this.#requests.has(id)) return false
    const deferred = { receiver: receiver.deferred(this.#link, id), request }
    this.#requests.set(id, deferred)
    this.#count(deferred, 1)
    return true
  }

  /** The reply to this request follows. Returns false if it was not deferred. */
  announce(id: number): boolean {
    if (!this.#requests.has(id)) return false
    this.next = id
    return true
  }

  /** Removes the announced request, whose reply was received. */
  take(): DeferredRequest {
    const deferred = this.#requests.get(this.next) as DeferredRequest
    this.#requests.delete(this.next)
    this.next = -1
    this.#count(deferred, -1)
    return deferred
  }

  /** The link broke. */
  failAll(reason: string): void {
    for (const { receiver, request } of [...this.#requests.values()]) receiver.lost(request, true, reason)
    this.#requests.clear()
    this.count = 0
    this.bytes = 0
  }

  #count({ receiver, request }: DeferredRequest, by: 1 | -1): void {
    if (receiver.mayWait) return
    this.count += by
    this.bytes += by * request.length
  }
}

// Requests of a link whose replies the peer has deferred: they arrive out of order, each announced by its number.

import type { Receiver } from './receiver.ts'

interface DeferredRequest {
  readonly receiver: Receiver
  /** A copy of the request, in case the link breaks. */
  readonly request: Buffer
}

export class DeferredReplies {
  /** Requests, and their bytes. */
  count = 0
  bytes = 0
  /** The number of the request whose reply is received next; -1: the next reply is not a deferred one. */
  next = -1
  readonly #requests = new Map<number, DeferredRequest>()

  /** Returns false if the number is not valid or is in use. */
  add(id: number, receiver: Receiver, request: Buffer): boolean {
    if (!(id >= 0) || this.#requests.has(id)) return false
    this.#requests.set(id, { receiver: receiver.deferred(), request })
    this.count++
    this.bytes += request.length
    return true
  }

  /** The reply to this request follows. Returns false if it was not deferred. */
  announce(id: number): boolean {
    if (!this.#requests.has(id)) return false
    this.next = id
    return true
  }

  /** Removes the announced request, whose reply was received. */
  take(): Receiver {
    const { receiver, request } = this.#requests.get(this.next) as DeferredRequest
    this.#requests.delete(this.next)
    this.next = -1
    this.count--
    this.bytes -= request.length
    return receiver
  }

  /** The link broke. */
  failAll(reason: string): void {
    for (const { receiver, request } of this.#requests.values()) receiver.lost(request, true, reason)
    this.#requests.clear()
    this.count = 0
    this.bytes = 0
  }
}

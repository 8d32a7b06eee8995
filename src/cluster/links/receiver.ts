// Who is told what became of requests sent to a peer.

/**
 * A sender, told of each of its requests exactly once, in the order in which they were sent: by a reply, by a
 * promise of a later one, by where to ask instead, or by its loss. It must not throw. It may send more meanwhile.
 */
export interface Receiver {
  /** The next `count` requests were answered: whole replies, one behind the other, in bytes that stay as they are. */
  replies(bytes: Buffer, count: number): void
  /** The next request's reply comes after those of requests behind it. Returns who is told of it then. */
  deferred(): Receiver
  /** The next request was not run: `to` is the member to ask. `request` is a copy of its bytes. */
  moved(request: Buffer, to: string): void
  /**
   * The next request has no reply and will have none from this link. `sent`: the peer may have run it.
   * `request` is a copy of its bytes.
   */
  lost(request: Buffer, sent: boolean, reason: string): void
}

/** Where requests go: a link. */
export interface Sender {
  send(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): boolean
}

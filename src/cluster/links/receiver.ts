// The callbacks of a request that is sent to a peer.

/**
 * Receives the outcome of requests: one call for each, in the order in which they were sent. The calls must not throw,
 * and may send further requests.
 */
export interface Receiver {
  /** The replies to the next `count` requests, concatenated. The bytes will not change. */
  replies(bytes: Buffer, count: number): void
  /** Its requests may wait for long: they do not count against the limits of the link when their replies are deferred. */
  readonly mayWait?: boolean
  /** The reply to the next request follows out of order, under this number. Returns the receiver for it. */
  deferred(link: Sender, number: number): Receiver
  /** The next request was not run; `to` is the member to send it to. `request` is a copy of its bytes. */
  moved(request: Buffer, to: string): void
  /**
   * The next request will get no reply from this link. `sent`: the peer may have run it. `request` is a copy of its
   * bytes.
   */
  lost(request: Buffer, sent: boolean, reason: string): void
}

/** A link, as far as sending is concerned. */
export interface Sender {
  send(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): boolean
}

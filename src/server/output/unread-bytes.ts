// The bytes of replies that clients have not read, of all connections together, and the limit on them.

/** Counts bytes that wait in buffers of the node; bytes that a socket accepts at once are not counted. */
export class UnreadBytes {
  bytes = 0
  /** Beyond it, clients with the most unread replies are closed. */
  limit = Number.POSITIVE_INFINITY

  get isExceeded(): boolean {
    return this.bytes > this.limit
  }
}

// The replies of all connections together that clients have not read, and the limit on them.

/** Bytes that wait in buffers of their own; the little that a socket takes at once is not counted. */
export class UnreadBytes {
  bytes = 0
  /** Beyond it, clients with the most unread replies are closed. */
  limit = Number.POSITIVE_INFINITY

  get isExceeded(): boolean {
    return this.bytes > this.limit
  }
}

// What a node counts about itself: kept by the server, shown by INFO.

/** What does not change while the node runs. */
export interface NodeIdentity {
  /** Erinys's version. */
  readonly version: string
  /** 40 hexadecimal digits, different at each start. */
  readonly runId: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The configuration file; empty: none. */
  readonly configFile: string
}

export class NodeStats {
  readonly identity: NodeIdentity
  /** The port it listens on; 0: none yet. */
  port = 0
  connections = 0
  rejectedConnections = 0
  /** Connections closed because they exceeded the limit of unread requests, of unread replies. */
  queryBufferDisconnections = 0
  outputBufferDisconnections = 0
  inputBytes = 0
  outputBytes = 0
  /** Of the last seconds. */
  opsPerSecond = 0
  inputBytesPerSecond = 0
  outputBytesPerSecond = 0
  /** The active expiry: rounds that ran out of time, ms spent, the share of stale entries it last met in percent. */
  expiryTimeouts = 0
  expiryMs = 0
  stalePercent = 0
  /** The most bytes that entries ever occupied, and when (ms since the epoch). */
  peakBytes = 0
  peakAt = 0

  constructor(identity: NodeIdentity) {
    this.identity = identity
  }

  /** Redis: CONFIG RESETSTAT. */
  reset(): void {
    this.connections = 0
    this.rejectedConnections = 0
    this.queryBufferDisconnections = 0
    this.outputBufferDisconnections = 0
    this.inputBytes = 0
    this.outputBytes = 0
    this.opsPerSecond = 0
    this.inputBytesPerSecond = 0
    this.outputBytesPerSecond = 0
    this.expiryTimeouts = 0
    this.expiryMs = 0
    this.stalePercent = 0
  }
}

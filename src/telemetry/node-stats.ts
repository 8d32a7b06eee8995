// Statistics of a node, maintained by the server and reported by INFO.

/** Constant while the node runs. */
export interface NodeIdentity {
  /** The version of Erinys. */
  readonly version: string
  /** 40 random hexadecimal digits per start. */
  readonly runId: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The configuration file; empty: none. */
  readonly configFile: string
}

export class NodeStats {
  readonly identity: NodeIdentity
  /** The listening port; 0: not listening yet. */
  port = 0
  /** The same for TLS. */
  tlsPort = 0
  /** Where it listens: how (`tcp`, `tls`, `unix`), the address or path, and the port. */
  readonly listeners: (readonly [how: string, address: string, port: number])[] = []
  /** Complete handshakes of TLS, and failed ones. */
  tlsHandshakes = 0
  tlsHandshakeFailures = 0
  /** Certificates whose common name is not a user that may log in by certificate. */
  tlsUsersDenied = 0
  connections = 0
  rejectedConnections = 0
  /** Connections closed because they exceeded the limit of the query buffer, of the output buffer. */
  queryBufferDisconnections = 0
  outputBufferDisconnections = 0
  /** Connections closed because all together had too many unread replies. */
  evictedClients = 0
  inputBytes = 0
  outputBytes = 0
  /** Averages over the last seconds. */
  opsPerSecond = 0
  inputBytesPerSecond = 0
  outputBytesPerSecond = 0
  /** Active expiry: cycles that reached their time limit, ms spent, percentage of expired entries last found. */
  expiryTimeouts = 0
  expiryMs = 0
  stalePercent = 0
  /** Peak of the bytes that entries occupied, and its time in ms since the Unix epoch. */
  peakBytes = 0
  peakAt = 0

  constructor(identity: NodeIdentity) {
    this.identity = identity
  }

  /** Redis: CONFIG RESETSTAT. */
  reset(): void {
    this.tlsHandshakes = 0
    this.tlsHandshakeFailures = 0
    this.tlsUsersDenied = 0
    this.connections = 0
    this.rejectedConnections = 0
    this.queryBufferDisconnections = 0
    this.outputBufferDisconnections = 0
    this.evictedClients = 0
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

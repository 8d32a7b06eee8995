// The settings of a server as plain values; CONFIG SET changes them while it runs.

/** An address to listen on. An optional one may be missing on the machine. */
export interface BindAddress {
  readonly host: string
  readonly optional: boolean
}

/** When a connection that does not read is closed; 0 is no limit. */
export interface OutputLimit {
  /** Bytes waiting that close it at once. */
  readonly hard: number
  /** Bytes waiting that close it once they have waited `softTime` ms. */
  readonly soft: number
  readonly softTime: number
}

export interface OutputLimits {
  readonly normal: OutputLimit
  readonly replica: OutputLimit
  readonly pubsub: OutputLimit
}

/** Sizes in bytes, times in ms where no other unit is named. The object is read at every use: changing it is enough. */
export interface ServerSettings {
  port: number
  bind: readonly BindAddress[]
  /** The password that AUTH wants; empty: none. */
  requirepass: string
  protectedMode: boolean
  /** The budget of each group that names none. */
  maxmemory: number
  shutdownTimeout: number
  /** In Redis's words: debug, verbose, notice, warning, nothing. */
  loglevel: string
  maxclients: number
  /** Connections idle for longer are closed; 0: never. */
  timeout: number
  /** Time between probes of an idle connection; 0: none. */
  tcpKeepalive: number
  tcpBacklog: number
  protoMaxBulkLen: number
  clientQueryBufferLimit: number
  clientOutputBufferLimit: OutputLimits
  /** Microseconds; 0: all, negative: none. */
  slowlogLogSlowerThan: number
  slowlogMaxLen: number
  /** 0: none. */
  latencyMonitorThreshold: number
  /** Rounds of periodic work per second. */
  hz: number
}

const MB = 2 ** 20

/** Redis's defaults, on `port`. */
export function defaultServerSettings(port: number): ServerSettings {
  return {
    port,
    bind: [{ host: '127.0.0.1', optional: false }],
    requirepass: '',
    protectedMode: true,
    maxmemory: 64 * MB,
    shutdownTimeout: 10_000,
    loglevel: 'notice',
    maxclients: 10_000,
    timeout: 0,
    tcpKeepalive: 300_000,
    tcpBacklog: 511,
    protoMaxBulkLen: 512 * MB,
    clientQueryBufferLimit: 1024 * MB,
    clientOutputBufferLimit: {
      normal: { hard: 0, soft: 0, softTime: 0 },
      replica: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
      pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
    },
    slowlogLogSlowerThan: 10_000,
    slowlogMaxLen: 128,
    latencyMonitorThreshold: 0,
    hz: 10,
  }
}

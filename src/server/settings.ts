// The settings of a server as plain values; CONFIG SET changes them while it runs.

import { defaultTlsSettings, type TlsSettings } from '../tls/settings.ts'

/** An address to listen on. An optional one need not exist on the machine. */
export interface BindAddress {
  readonly host: string
  readonly optional: boolean
}

/** The limits of unread replies beyond which a connection is closed; 0: no limit. */
export interface OutputLimit {
  /** The number of waiting bytes that closes it at once. */
  readonly hard: number
  /** The number of waiting bytes that closes it once they have waited for `softTime` ms. */
  readonly soft: number
  readonly softTime: number
}

export interface OutputLimits {
  readonly normal: OutputLimit
  readonly replica: OutputLimit
  readonly pubsub: OutputLimit
}

/** Sizes in bytes, times in ms where no other unit is named. Read at every use: a change takes effect at once. */
export interface ServerSettings extends TlsSettings {
  port: number
  /** The port for TLS; 0: none. */
  tlsPort: number
  /** The path of a Unix socket; empty: none. */
  unixsocket: string
  /** Its permissions; 0: those that the process's umask gives. */
  unixsocketperm: number
  bind: readonly BindAddress[]
  /** The password of the default user, unless users are configured; empty: none. */
  requirepass: string
  protectedMode: boolean
  /** The file of users; empty: none. */
  aclfile: string
  /** Maximum number of ACL LOG entries. */
  acllogMaxLen: number
  /** Whether new users may use every channel. */
  aclPubsubDefault: 'allchannels' | 'resetchannels'
  /** The initial budget of each group that sets none. */
  maxmemory: number
  /** Whether the budgets together may exceed the memory of the machine. */
  overcommit: boolean
  shutdownTimeout: number
  /** A Redis log level: debug, verbose, notice, warning, nothing. */
  loglevel: string
  maxclients: number
  /** Connections idle for longer are closed; 0: never. */
  timeout: number
  /** TCP keepalive: the idle time before the first probe; 0: off. */
  tcpKeepalive: number
  tcpBacklog: number
  protoMaxBulkLen: number
  hllSparseMaxBytes: number
  clientQueryBufferLimit: number
  clientOutputBufferLimit: OutputLimits
  /**
   * The bytes that all clients together may hold; beyond it the largest are closed. 0: no limit. Negative: a percentage
   * of the groups' budgets.
   */
  maxmemoryClients: number
  /** Microseconds; 0: all, negative: none. */
  slowlogLogSlowerThan: number
  /** The same for loads and writes of origins. */
  slowlogOriginSlowerThan: number
  slowlogMaxLen: number
  /** 0: none. */
  latencyMonitorThreshold: number
  /** Rounds of periodic work per second. */
  hz: number
}

const MB = 2 ** 20

/** Redis's defaults, with this port. */
export function defaultServerSettings(port: number): ServerSettings {
  return {
    ...defaultTlsSettings(),
    port,
    tlsPort: 0,
    unixsocket: '',
    unixsocketperm: 0,
    bind: [{ host: '127.0.0.1', optional: false }],
    requirepass: '',
    protectedMode: true,
    aclfile: '',
    acllogMaxLen: 128,
    aclPubsubDefault: 'resetchannels',
    maxmemory: 64 * MB,
    overcommit: false,
    shutdownTimeout: 10_000,
    loglevel: 'notice',
    maxclients: 10_000,
    timeout: 0,
    tcpKeepalive: 300_000,
    tcpBacklog: 511,
    protoMaxBulkLen: 512 * MB,
    hllSparseMaxBytes: 3000,
    clientQueryBufferLimit: 1024 * MB,
    clientOutputBufferLimit: {
      normal: { hard: 0, soft: 0, softTime: 0 },
      replica: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
      pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
    },
    maxmemoryClients: 0,
    slowlogLogSlowerThan: 10_000,
    slowlogOriginSlowerThan: 100_000,
    slowlogMaxLen: 128,
    latencyMonitorThreshold: 0,
    hz: 10,
  }
}

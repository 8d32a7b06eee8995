// The settings of a node as data: accepted values, default, and how each is shown.

import { kebabName } from '../bytes/names.ts'
import { formatDuration, formatSize, formatSizeOrPercent, parseSize } from '../bytes/units.ts'
import { machineMemory } from '../server/machine-memory.ts'
import type { BindAddress, OutputLimits } from '../server/settings.ts'
import {
  addresses,
  duration,
  microseconds,
  oneOf,
  reader,
  seconds,
  secret,
  size,
  sizeOrPercent,
  text,
  whole,
  yesNo,
} from './readers.ts'
import {
  asAddresses,
  asDuration,
  asPath,
  asSecret,
  asYesNo,
  LOOPBACK,
  type Setting,
  setting,
} from './setting.ts'
import { tlsSettings } from './tls-settings.ts'

const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  normal: { hard: 0, soft: 0, softTime: 0 },
  replica: { hard: 256 * 2 ** 20, soft: 64 * 2 ** 20, softTime: 60_000 },
  pubsub: { hard: 32 * 2 ** 20, soft: 8 * 2 ** 20, softTime: 60_000 },
}

const asText = (value: string | number): string => String(value)
const asMicroseconds = (micros: number): string =>
  micros > 0 ? formatDuration(micros / 1000) : String(micros)

export const settings = {
  /** The port to listen on; 0 lets the system choose one. */
  port: setting({
    reads: whole(0, 65_535, 'a port'),
    fallback: 7000,
    argument: '<port>',
    summary: 'port to listen on; 0: any free one',
    write: asText,
  }),
  /** The addresses to listen on; `*`: all. One that begins with `-` is skipped if the machine does not have it. */
  bind: setting<readonly BindAddress[], string | readonly string[]>({
    reads: addresses,
    fallback: LOOPBACK,
    argument: '<address...>',
    summary: 'addresses to listen on; *: all',
    write: asAddresses,
  }),
  ...tlsSettings,
  /** The password that clients give with AUTH; empty: none. */
  requirepass: setting({
    reads: secret,
    fallback: '',
    argument: '<password>',
    summary: 'password that clients give with AUTH',
    fallbackText: 'none',
    write: asSecret,
  }),
  /** Refuse to listen on addresses that other machines can reach while there is no password. */
  protectedMode: setting({
    reads: yesNo,
    fallback: true,
    argument: '<yes|no>',
    summary: 'refuse to listen beyond this machine without a password',
    write: asYesNo,
  }),
  /** The file of users, as ACL SAVE writes it; empty: none. A relative path starts at the folder of the configuration file. */
  aclfile: setting({
    reads: text('the path of a file'),
    fallback: '',
    argument: '<path>',
    summary: 'file of users, which ACL LOAD reads and ACL SAVE writes',
    fallbackText: 'none',
    isPath: true,
    write: asPath,
  }),
  /** Maximum number of ACL LOG entries. */
  acllogMaxLen: setting({
    reads: whole(0),
    fallback: 128,
    argument: '<number>',
    summary: 'maximum number of ACL LOG entries',
    write: asText,
  }),
  /** Whether new users may use every channel, or none. */
  aclPubsubDefault: setting<'allchannels' | 'resetchannels', 'allchannels' | 'resetchannels'>({
    reads: oneOf('allchannels', 'resetchannels'),
    fallback: 'resetchannels',
    argument: '<rule>',
    summary: 'whether new users may use every channel: allchannels or resetchannels',
    write: asText,
  }),
  /** The byte budget of each group without `maxBytes`; by default these groups share a quarter of the memory. */
  maxmemory: setting({
    reads: size('1kb'),
    fallback: Math.floor(machineMemory / 4),
    argument: '<size>',
    summary: 'byte budget of each group without maxBytes, such as 1gb; the default is divided among them',
    fallbackText: "a quarter of the machine's memory",
    write: formatSize,
  }),
  /** Whether a node starts although its budgets together exceed the memory of the machine. */
  overcommit: setting({
    reads: yesNo,
    fallback: false,
    argument: '<yes|no>',
    summary: "start even if the budgets together exceed the machine's memory",
    write: asYesNo,
  }),
  /** How long a shutdown waits for pending replies, ms. */
  shutdownTimeout: setting({
    reads: duration(0, 'timed'),
    fallback: 10_000,
    argument: '<duration>',
    summary: 'how long a shutdown waits for pending replies',
    write: formatDuration,
  }),
  /** Whether the configuration file is read again when it has changed. */
  watchConfig: setting({
    reads: yesNo,
    fallback: false,
    argument: '<yes|no>',
    summary: 'reload the configuration file whenever it changes',
    write: asYesNo,
  }),
  /** The log level, by Redis's names. */
  loglevel: setting({
    reads: oneOf('debug', 'verbose', 'notice', 'warning', 'nothing'),
    fallback: 'notice',
    argument: '<level>',
    summary: 'log level: debug, verbose, notice, warning or nothing',
    write: asText,
  }),
  /** Maximum number of client connections. */
  maxclients: setting({
    reads: whole(1),
    fallback: 10_000,
    argument: '<number>',
    summary: 'maximum number of client connections',
    write: asText,
  }),
  /** Connections idle for longer are closed; ms, 0: never. */
  timeout: setting({
    reads: seconds,
    fallback: 0,
    argument: '<duration>',
    summary: 'close connections that are idle for longer; 0: never',
    write: asDuration,
  }),
  /** Interval of TCP keepalive probes; ms, 0: none. */
  tcpKeepalive: setting({
    reads: seconds,
    fallback: 300_000,
    argument: '<duration>',
    summary: 'interval of TCP keepalive probes; 0: none',
    write: asDuration,
  }),
  /** Length of the queue of connections to accept (listen(2): backlog). */
  tcpBacklog: setting({
    reads: whole(1, 65_535),
    fallback: 511,
    argument: '<number>',
    summary: 'length of the queue of connections to accept',
    write: asText,
  }),
  /** Maximum bytes of one command argument. */
  protoMaxBulkLen: setting({
    reads: size('1mb', '1gb'),
    fallback: 512 * 2 ** 20,
    argument: '<size>',
    summary: 'maximum size of one command argument',
    write: formatSize,
  }),
  /** Maximum bytes of a HyperLogLog in its sparse encoding. */
  hllSparseMaxBytes: setting({
    reads: size('0'),
    fallback: 3000,
    argument: '<size>',
    summary: 'maximum size of a HyperLogLog in its sparse encoding',
    write: formatSize,
  }),
  /** Maximum bytes buffered of an incomplete request. */
  clientQueryBufferLimit: setting({
    reads: size('1mb'),
    fallback: 2 ** 30,
    argument: '<size>',
    summary: 'maximum bytes buffered of an incomplete request',
    write: formatSize,
  }),
  /** Unread output after which a client is disconnected, in Redis's notation. */
  clientOutputBufferLimit: setting<OutputLimits, string>({
    reads: reader("limits as Redis writes them, such as 'normal 256mb 64mb 60'", readOutputLimits),
    fallback: DEFAULT_OUTPUT_LIMITS,
    argument: '<limits>',
    summary: 'unread output after which a client is disconnected: class, hard limit, soft limit, seconds',
    write: writeOutputLimits,
  }),
  /**
   * Maximum memory of all clients together; above it those with the most are disconnected; 0: no limit. Negative: a
   * percentage of the groups' budgets.
   */
  maxmemoryClients: setting({
    reads: sizeOrPercent,
    fallback: Math.floor(machineMemory / 4),
    argument: '<size|percent>',
    summary:
      'maximum memory of all clients together for unread output, incomplete requests and queued transactions, such as 1gb or 5% (of the sum of all budgets); above it the clients with the most are disconnected; 0: no limit',
    fallbackText: "a quarter of the machine's memory",
    write: formatSizeOrPercent,
  }),
  /** Commands that take longer are recorded in SLOWLOG; microseconds, 0: all, -1: none. */
  slowlogLogSlowerThan: setting({
    reads: microseconds,
    fallback: 10_000,
    argument: '<duration>',
    summary: 'commands that take longer are recorded in SLOWLOG; -1: none',
    write: asMicroseconds,
  }),
  /** Loads and writes of origins that take longer are recorded in SLOWLOG; microseconds, 0: all, -1: none. */
  slowlogOriginSlowerThan: setting({
    reads: microseconds,
    fallback: 100_000,
    argument: '<duration>',
    summary: 'loads and writes of origins that take longer are recorded in SLOWLOG; -1: none',
    write: asMicroseconds,
  }),
  /** Maximum number of SLOWLOG entries. */
  slowlogMaxLen: setting({
    reads: whole(0),
    fallback: 128,
    argument: '<number>',
    summary: 'maximum number of SLOWLOG entries',
    write: asText,
  }),
  /** Events that took at least this long are sampled by LATENCY; ms, 0: none. */
  latencyMonitorThreshold: setting({
    reads: duration(0),
    fallback: 0,
    argument: '<duration>',
    summary: 'events that take at least as long are sampled by LATENCY; 0: none',
    write: asDuration,
  }),
  /** Runs of the active expiry cycle per second. */
  hz: setting({
    reads: whole(1, 500),
    fallback: 10,
    argument: '<number>',
    summary: 'runs of the active expiry cycle per second',
    write: asText,
  }),
}

/** The name of a setting in a configuration file. */
export type SettingName = keyof typeof settings

/** Every setting with its value; sizes in bytes, times in ms where no other unit is named. */
export type Settings = {
  readonly [Name in SettingName]: (typeof settings)[Name]['fallback']
}

type InputsOf<Some> = {
  readonly [Name in keyof Some]?: Some[Name] extends Setting<infer _, infer Input> ? Input : never
}

/**
 * The settings as a configuration file or a program gives them. The two parts apart: the declaration of `settings` that
 * TypeScript writes has no doc comments of what was spread into it.
 */
export type SettingsInput = InputsOf<Omit<typeof settings, keyof typeof tlsSettings>> &
  InputsOf<typeof tlsSettings>

export const settingNames = Object.keys(settings) as readonly SettingName[]

/** The environment variable: `tcpKeepalive` is `ERINYS_TCP_KEEPALIVE`. */
export function variableName(name: string): string {
  return `ERINYS_${kebabName(name).replaceAll('-', '_').toUpperCase()}`
}

/** Redis: one or more of `class hard soft seconds`; classes that are not named keep their default. */
function readOutputLimits(value: unknown): OutputLimits | undefined {
  if (typeof value !== 'string') return undefined
  const words = value.trim().split(/\s+/)
  if (words.length % 4 !== 0) return undefined
  const limits = { ...DEFAULT_OUTPUT_LIMITS }
  for (let i = 0; i < words.length; i += 4) {
    const name = words[i] === 'slave' ? 'replica' : words[i]
    if (name !== 'normal' && name !== 'replica' && name !== 'pubsub') return undefined
    const hard = parseSize(words[i + 1])
    const soft = parseSize(words[i + 2])
    if (hard === undefined || soft === undefined || !/^\d{1,7}$/.test(words[i + 3])) return undefined
    limits[name] = { hard, soft, softTime: Number(words[i + 3]) * 1000 }
  }
  return limits
}

function writeOutputLimits(limits: OutputLimits): string {
  const part = (name: keyof OutputLimits): string => {
    const { hard, soft, softTime } = limits[name]
    return `${name} ${hard === 0 ? '0' : formatSize(hard)} ${soft === 0 ? '0' : formatSize(soft)} ${softTime / 1000}`
  }
  return `${part('normal')} ${part('replica')} ${part('pubsub')}`
}

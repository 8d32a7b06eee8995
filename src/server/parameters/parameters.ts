// The parameters of CONFIG GET and CONFIG SET: the server's settings under Redis's names.

import type { Access } from '../../access/access.ts'
import { formatSize, parseSize } from '../../bytes/units.ts'
import type { Apply, Parameter } from '../../commands/spec/parameter.ts'
import type { Group } from '../../group/group.ts'
import type { DecoderLimits } from '../../resp/limits.ts'
import type { EncodingLimits } from '../../store/types/encoding-limits.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { Certificates } from '../../tls/certificates.ts'
import { accessParameters } from '../access/parameters.ts'
import { tlsParameters } from '../listening/tls-parameters.ts'
import type { Logger } from '../logger.ts'
import { machineMemory } from '../machine-memory.ts'
import type { UnreadBytes } from '../output/unread-bytes.ts'
import type { BindAddress, ServerSettings } from '../settings.ts'
import { encodingParameters } from './encodings.ts'
import { fixed, only, settled, variable } from './kinds.ts'
import {
  type Accept,
  int,
  integer,
  memory,
  memoryOrPercent,
  oneOf,
  outputLimits,
  outputLimitsText,
  percentiles,
  yesNo,
} from './values.ts'

const MB = 2 ** 20
const MAX_CLIENTS = 2 ** 32 - 1
/** Redis accepts any number, and clamps it to these bounds. */
const MIN_HZ = 1
const MAX_HZ = 500
/** The longest argument (the configuration has the same limit); Redis accepts any length. */
const MAX_BULK = 2 ** 30

/** The smallest budget of a group (the configuration has the same limit). */
const MIN_BUDGET = 1024

/** Redis's smallest limit: with less, nobody could change it back. */
const MIN_CLIENT_MEMORY = 128 * 1024

/** The objects that parameters change. */
export interface ParameterTargets {
  readonly settings: ServerSettings
  /** How many clients the limit on open files allows. */
  readonly maxclients: number
  readonly groups: readonly Group[]
  readonly encodingLimits: EncodingLimits
  readonly limits: DecoderLimits
  readonly unread: UnreadBytes
  readonly telemetry: Telemetry
  /** `undefined`: there is no TLS. */
  readonly certificates?: Certificates | undefined
  readonly log: Logger
  readonly access: Access
  /** Called when `tcp-keepalive` has changed. */
  readonly keepaliveChanged: () => void
  /** Called when the memory that clients may use has changed. */
  readonly clientMemoryChanged: () => void
  /** Runs a function that may evict many entries, and measures it. */
  readonly evicting: (run: () => void) => void
}

/** Redis log levels to pino levels. */
const LOG_LEVELS: ReadonlyMap<string, string> = new Map([
  ['debug', 'trace'],
  ['verbose', 'debug'],
  ['notice', 'info'],
  ['warning', 'warn'],
  ['nothing', 'silent'],
])

/** The pino level for a Redis log level. */
export function logLevelOf(loglevel: string): string | undefined {
  return LOG_LEVELS.get(loglevel)
}

/** Copies the settings to where they are used, as when the server starts. */
export function applySettings({ settings, groups, limits, unread, telemetry }: ParameterTargets): void {
  limits.maxBulk = settings.protoMaxBulkLen
  limits.maxQueryBuffer = settings.clientQueryBufferLimit
  unread.limit = clientMemoryLimit(settings, groups)
  telemetry.slowerThan = settings.slowlogLogSlowerThan
  telemetry.slowLog.originSlowerThan = settings.slowlogOriginSlowerThan
  telemetry.slowLog.maxLength = settings.slowlogMaxLen
  telemetry.eventThreshold = settings.latencyMonitorThreshold
}

/** The bytes that `maxmemory-clients` allows; it may be a percentage of the groups' budgets. */
function clientMemoryLimit({ maxmemoryClients }: ServerSettings, groups: readonly Group[]): number {
  if (maxmemoryClients === 0) return Number.POSITIVE_INFINITY
  const bytes = maxmemoryClients > 0 ? maxmemoryClients : Math.floor((sum(groups) * -maxmemoryClients) / 100)
  return Math.max(MIN_CLIENT_MEMORY, bytes)
}

function sum(groups: readonly Group[]): number {
  return groups.reduce((bytes, { maxBytes }) => bytes + maxBytes, 0)
}

export function createParameters(targets: ParameterTargets): ReadonlyMap<string, Parameter> {
  const { settings, groups, telemetry, log } = targets
  const changed = (): void => applySettings(targets)
  const clientMemoryChanged = (): void => {
    changed()
    targets.clientMemoryChanged()
  }
  const parameters: Parameter[] = [
    ...accessParameters(targets.access, settings),
    variable(
      'maxclients',
      () => settings.maxclients,
      clientsUpTo(targets),
      (count) => {
        settings.maxclients = count
      },
    ),
    inSeconds('timeout', 'timeout', settings),
    inSeconds('tcp-keepalive', 'tcpKeepalive', settings, targets.keepaliveChanged),
    inSeconds('shutdown-timeout', 'shutdownTimeout', settings),
    variable(
      'proto-max-bulk-len',
      () => settings.protoMaxBulkLen,
      memory(MB),
      (bytes) => {
        settings.protoMaxBulkLen = Math.min(bytes, MAX_BULK)
        changed()
      },
    ),
    plain('hll-sparse-max-bytes', 'hllSparseMaxBytes', memory(0), settings),
    plain('client-query-buffer-limit', 'clientQueryBufferLimit', memory(MB), settings, changed),
    variable(
      'client-output-buffer-limit',
      () => outputLimitsText(settings.clientOutputBufferLimit),
      outputLimits(() => settings.clientOutputBufferLimit),
      (limits) => {
        settings.clientOutputBufferLimit = limits
      },
    ),
    variable(
      'maxmemory-clients',
      () => (settings.maxmemoryClients < 0 ? `${-settings.maxmemoryClients}%` : settings.maxmemoryClients),
      memoryOrPercent,
      (limit) => {
        settings.maxmemoryClients = limit
        clientMemoryChanged()
      },
    ),
    plain('slowlog-log-slower-than', 'slowlogLogSlowerThan', integer(-1), settings, changed),
    plain('slowlog-origin-slower-than', 'slowlogOriginSlowerThan', integer(-1), settings, changed),
    plain('slowlog-max-len', 'slowlogMaxLen', integer(0), settings, changed),
    plain('latency-monitor-threshold', 'latencyMonitorThreshold', integer(0), settings, changed),
    variable(
      'latency-tracking',
      () => yesOrNo(telemetry.tracksLatency),
      yesNo,
      (on) => {
        telemetry.tracksLatency = on
      },
    ),
    variable(
      'latency-tracking-info-percentiles',
      () => telemetry.percentiles.join(' '),
      percentiles,
      (list) => {
        telemetry.percentiles = list
      },
    ),
    variable(
      'hz',
      () => settings.hz,
      int(0),
      (hz) => {
        settings.hz = Math.max(MIN_HZ, Math.min(MAX_HZ, hz))
      },
    ),
    variable(
      'loglevel',
      () => settings.loglevel,
      oneOf([...LOG_LEVELS.keys()]),
      (level) => {
        settings.loglevel = level
        log.level = logLevelOf(level)
      },
    ),
    ...budgets(targets, clientMemoryChanged),
    ...encodingParameters(targets.encodingLimits),
    ...tlsParameters(settings, targets.certificates),
    only(
      'maxmemory-policy',
      'allkeys-lru',
      'the eviction setting of each group decides which entry is evicted',
    ),
    only('appendonly', 'no', 'this server keeps nothing on disk'),
    only('save', '', 'this server keeps nothing on disk'),
    only('notify-keyspace-events', '', 'this server has no keyspace events'),
    only('sanitize-dump-payload', 'yes', 'dumps are always checked'),
    settled('port', () => settings.port),
    settled('bind', () => bindText(settings.bind)),
    settled('protected-mode', () => yesOrNo(settings.protectedMode)),
    settled('maxmemory-samples', () => 0),
    settled('lfu-log-factor', () => 10),
    settled('lfu-decay-time', () => 1),
    fixed('databases', () => groups.length),
    fixed('tcp-backlog', () => settings.tcpBacklog),
    fixed('cluster-enabled', () => 'no'),
    fixed('daemonize', () => 'no'),
    fixed('io-threads', () => 1),
    fixed('enable-debug-command', () => 'local'),
    fixed('replicaof', () => ''),
    fixed('slaveof', () => ''),
  ]
  return new Map(parameters.map((parameter) => [parameter.name, parameter]))
}

/** @param targets `maxclients` changes when HTTP takes file descriptors from clients */
function clientsUpTo(targets: Pick<ParameterTargets, 'maxclients'>): Accept<number> {
  const accept = integer(1, MAX_CLIENTS)
  return (text, use) => {
    const { maxclients } = targets
    return Number(text) > maxclients && Number(text) <= MAX_CLIENTS
      ? `The operating system is not able to handle the specified number of clients, try with ${maxclients}`
      : accept(text, use)
  }
}

type NumberSetting = {
  [Name in keyof ServerSettings]: ServerSettings[Name] extends number ? Name : never
}[keyof ServerSettings]

/** A setting whose value CONFIG shows and takes as it is. */
function plain(
  name: string,
  setting: NumberSetting,
  accept: Accept<number>,
  settings: ServerSettings,
  changed: () => void = () => {},
): Parameter {
  return variable(
    name,
    () => settings[setting],
    accept,
    (value) => {
      settings[setting] = value
      changed()
    },
  )
}

/** A setting in ms that CONFIG shows and takes in seconds. */
function inSeconds(
  name: string,
  setting: NumberSetting,
  settings: ServerSettings,
  changed: () => void = () => {},
): Parameter {
  return variable(
    name,
    () => Math.floor(settings[setting] / 1000),
    int(0),
    (seconds) => {
      settings[setting] = seconds * 1000
      changed()
    },
  )
}

/**
 * `maxmemory` is the sum of the groups' budgets, as in INFO. The groups without a budget of their own share equally
 * what the others leave of it; `maxmemory:<group>` gives a group its own.
 */
function budgets({ groups, settings, evicting }: ParameterTargets, changed: () => void): Parameter[] {
  const sharing = new Set(groups.filter(({ maxBytes }) => maxBytes === settings.maxmemory))
  const ownBudgets = (): number => sum(groups.filter((group) => !sharing.has(group)))
  const share = (bytes: number): void => {
    let left = bytes - ownBudgets()
    let count = sharing.size
    // The remainder of the division is given out too, so that the sum is exact.
    for (const group of sharing) {
      const part = Math.max(MIN_BUDGET, Math.floor(left / count--))
      group.maxBytes = part
      left -= part
    }
    changed()
  }
  /** Why budgets of so many bytes together are refused; `undefined`: they are not. */
  const excess = (bytes: number): string | undefined =>
    settings.overcommit || bytes <= machineMemory || bytes <= sum(groups)
      ? undefined
      : `the budgets of the groups would be ${formatSize(bytes)} together, and there are ` +
        `${formatSize(machineMemory)} of memory here: give less, or start with --overcommit yes`
  const accept = (text: string): string | Apply => {
    const wanted = parseSize(text) ?? 0
    if (wanted === sum(groups)) return () => undefined
    if (sharing.size === 0) return 'every group has a budget of its own: set maxmemory:<group>'
    const own = ownBudgets()
    const why = own === 0 ? '' : `: ${own} bytes are budgets of single groups, which maxmemory:<group> sets`
    const accepted = memory(own + MIN_BUDGET * sharing.size, why)
    return excess(wanted) ?? accepted(text, (bytes) => evicting(() => share(bytes)))
  }
  return [
    { name: 'maxmemory', get: () => String(sum(groups)), accept },
    ...groups.map((group) =>
      variable<number>(
        `maxmemory:${group.name}`,
        () => group.maxBytes,
        (text, use) =>
          excess(sum(groups) - group.maxBytes + (parseSize(text) ?? 0)) ?? memory(MIN_BUDGET)(text, use),
        (bytes) => {
          sharing.delete(group)
          evicting(() => {
            group.maxBytes = bytes
          })
          changed()
        },
      ),
    ),
  ]
}

function yesOrNo(on: boolean): string {
  return on ? 'yes' : 'no'
}

function bindText(addresses: readonly BindAddress[]): string {
  return addresses.map(({ host, optional }) => (optional ? `-${host}` : host)).join(' ')
}

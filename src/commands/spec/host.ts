// What commands ask of the node they run on.

import type { Cluster } from '../../cluster/cluster.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { CommandStats, Telemetry } from '../../telemetry/telemetry.ts'
import type { Client } from './client.ts'
import type { Parameter } from './parameter.ts'

/** What is known of a command without knowing how it runs. */
export interface CommandTraits {
  /** 'get', 'client|setname'. */
  readonly fullName: string
  readonly isWrite: boolean
  /** Whether it is a read that loads what it misses. */
  readonly loadsThrough: boolean
  readonly stats: CommandStats
  /** Positions of arguments that nobody else may see. */
  secretsOf(args: Args): readonly number[]
}

export interface Host {
  /** In configured order; SELECT takes an index of it or a name. */
  readonly groups: readonly Group[]
  /** `undefined`: this node owns every key. */
  readonly cluster: Cluster | undefined
  /** By id. */
  readonly clients: ReadonlyMap<number, Client>
  /** The password that AUTH wants; empty: none. */
  readonly requirepass: string
  /** The longest string that a command may make, in bytes (Redis: `proto-max-bulk-len`); CONFIG SET changes it. */
  readonly protoMaxBulkLen: number
  readonly telemetry: Telemetry
  readonly stats: NodeStats
  /** What CONFIG shows and sets, by name. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** How many clients are in MONITOR. */
  readonly monitors: number
  setMonitor(client: Client, on: boolean): void
  feedMonitors(client: Client, command: CommandTraits, args: Args): void
  /** Whether CLIENT PAUSE holds this command back now; its client is resumed when that ends. */
  mustPause(client: Client, command: CommandTraits): boolean
  /** Holds commands that write back, or all, until `until` (ms since the epoch): at the latest of all calls' ends. */
  pause(until: number, all: boolean): void
  unpause(): void
  /** Whether expired entries are looked for, or only found when they are asked for. */
  activeExpiry: boolean
  /** Begins to stop the node; with `now`, without waiting for replies under way. */
  shutdown(now: boolean): void
  /** Logs what a handler threw, with its stack. */
  reportFault(error: unknown, command: string): void
}

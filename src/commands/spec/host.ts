// The interface of the node towards the commands that it runs.

import type { Access } from '../../access/access.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { HttpStats } from '../../telemetry/http-stats.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { CommandStats, Telemetry } from '../../telemetry/telemetry.ts'
import type { Certificates } from '../../tls/certificates.ts'
import type { SliceQueue } from '../slices/slice-queue.ts'
import type { Client } from './client.ts'
import type { Parameter } from './parameter.ts'

/** The properties of a command that do not depend on its handler. */
export interface CommandTraits {
  /** 'get', 'client|setname'. */
  readonly fullName: string
  readonly isWrite: boolean
  /** Whether it is a read that loads what it misses. */
  readonly loadsThrough: boolean
  readonly stats: CommandStats
  /** Positions of arguments that MONITOR, the slow log and the log must not show (passwords). */
  secretsOf(args: Args): readonly number[]
}

/** A configuration is rejected: one line for each problem. Nothing has changed. */
export class ReloadError extends Error {
  override readonly name = 'ReloadError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/** The file of the setting `aclfile`. */
export interface AclFile {
  /** Replaces all users by those of the file. Returns `undefined`, or the error: then nothing has changed. */
  load(): string | undefined
  /** Writes all users to the file. Returns `undefined`, or the error: then the file is unchanged. */
  save(): string | undefined
}

export interface Host {
  /** In configured order; SELECT takes an index of it or a name. */
  readonly groups: readonly Group[]
  /** `undefined`: this node owns every key. */
  readonly cluster: Cluster | undefined
  /** By id. */
  readonly clients: ReadonlyMap<number, Client>
  /** Users and their rules, and the log of refused requests. */
  readonly access: Access
  /** The file of users; `undefined`: none is configured. */
  readonly aclFile: AclFile | undefined
  /** The longest string that a command may make, in bytes (Redis: `proto-max-bulk-len`); CONFIG SET changes it. */
  readonly protoMaxBulkLen: number
  /** The most bytes that a client may send or queue before they are run; CONFIG SET changes it. */
  readonly clientQueryBufferLimit: number
  /** A longer sparse HyperLogLog becomes dense (Redis: `hll-sparse-max-bytes`); CONFIG SET changes it. */
  readonly hllSparseMaxBytes: number
  readonly telemetry: Telemetry
  /** The commands that run in slices. */
  readonly slices: SliceQueue
  readonly stats: NodeStats
  /** The connections and requests of HTTP clients. */
  readonly http: HttpStats
  /** The parameters that CONFIG shows and sets, by name. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** How many clients are in MONITOR. */
  readonly monitors: number
  /** The certificates of this node; `undefined`: there is no TLS. */
  readonly tls: Certificates | undefined
  /** TLS handshakes in progress. */
  readonly handshakes: number
  /** Lines of the log that could not be written. */
  readonly droppedLogLines: number
  /** Returns a new, unique number for a connection of any protocol. */
  nextClientId(): number
  setMonitor(client: Client, on: boolean): void
  feedMonitors(client: Client, command: CommandTraits, args: Args): void
  /** Whether CLIENT PAUSE delays this command now; its client is resumed when the pause ends. */
  mustPause(client: Client, command: Pick<CommandTraits, 'isWrite'>): boolean
  /** Delays writes, or all commands, until `until` (ms since the epoch). Of several calls, the latest end counts. */
  pause(until: number, all: boolean): void
  unpause(): void
  /** Returns the state of this node as JSON, for the dashboard of another node; `undefined`: this node has no HTTP. */
  report: (() => string) | undefined
  /** Whether expired entries are removed in the background, or only when they are accessed (DEBUG SET-ACTIVE-EXPIRE). */
  activeExpiry: boolean
  /**
   * Reads the configuration again and takes it over; `isTrial`: only checks it. Resolves to the changes, one line for
   * each; rejects with a `ReloadError` if the configuration cannot be taken over: then nothing has changed.
   */
  reload(isTrial: boolean): Promise<readonly string[]>
  /** Starts the shutdown of the node; with `now`, pending replies are not waited for. */
  shutdown(now: boolean): void
  /** Closes the connection of a client that has sent an HTTP request, and logs that. */
  refuseHttp(client: Client): void
  /** Logs that a client gave a wrong password, if that was not logged a short while ago. */
  loginFailed(client: Client): void
  /** Logs an exception that a handler threw, with its stack. */
  reportFault(error: unknown, command: string): void
}

// What commands ask of the node they run on.

import type { Group } from '../group/group.ts'
import type { Router } from '../group/router.ts'
import type { Args } from '../resp/args.ts'
import type { Client } from './client.ts'

/** What is known of a command without knowing how it runs. */
export interface CommandTraits {
  /** 'get', 'client|setname'. */
  readonly fullName: string
  readonly isWrite: boolean
}

export interface Host {
  /** In configured order; SELECT takes an index of it or a name. */
  readonly groups: readonly Group[]
  readonly router: Router
  /** By id. */
  readonly clients: ReadonlyMap<number, Client>
  /** The password that AUTH wants; empty: none. */
  requirepass: string
  /** The longest string that a command may make, in bytes (Redis: `proto-max-bulk-len`); CONFIG SET changes it. */
  readonly protoMaxBulkLen: number
  /** How many clients are in MONITOR. */
  readonly monitors: number
  feedMonitors(client: Client, args: Args): void
  /** Whether CLIENT PAUSE holds this command back now; its client is resumed when that ends. */
  mustPause(client: Client, command: CommandTraits): boolean
  /** Logs what a handler threw, with its stack. */
  reportFault(error: unknown, command: string): void
}

// The cluster part of a configuration: what a person may write, and what it becomes.

import type { MembershipConfig } from './cluster/membership/membership.ts'

/** The cluster that a node is in, with everything decided. Sizes in bytes, times in ms. */
export interface ClusterConfig {
  /** Where the members are listed. */
  readonly membership: MembershipConfig
  /** What nodes show each other; empty: nothing. By default `requirepass`. */
  readonly secret: string
  /**
   * The address that others reach this node at, which is its name too. Port 0: the one it listens on (`port` is 0).
   * By default the first address of `bind`.
   */
  readonly announce: { readonly host: string; readonly port: number }
  /** What a node does with a command whose keys are another's: send it there itself, or tell the client to. */
  readonly redirect: 'forward' | 'moved'
  /** How long a silent peer is waited for before it counts as dead. */
  readonly timeout: number
  readonly pingInterval: number
  /** Connections for requests to each peer. */
  readonly links: number
  /** This node's share of slots relative to the others'. */
  readonly weight: number
  /** The fraction of each group's budget that copies of other nodes' hot keys may take. */
  readonly copies: number
  /** For how long a copy is served without asking. */
  readonly copyMaxAge: number
  /** Bytes a second that a handover may send. */
  readonly handoverRate: number
}

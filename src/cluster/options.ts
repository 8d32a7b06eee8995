// The options with which a node joins a cluster.

import type { Socket } from 'node:net'
import type { Clock, Timers } from '../bytes/clock.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Group } from '../group/group.ts'
import type { Log } from './log.ts'
import type { Member } from './member.ts'
import type { Membership } from './membership/membership.ts'

/** Sizes in bytes, times in ms. */
export interface ClusterSettings {
  /** The secret by which nodes authenticate to each other; empty: none. By default `requirepass`. */
  readonly secret: string
  /** What a node does with a command whose keys another node owns: forward it, or answer MOVED. */
  readonly redirect: 'forward' | 'moved'
  /** A peer that is silent for this long is declared dead, or later while this node's own heartbeats are late. */
  readonly timeout: number
  readonly pingInterval: number
  /** Connections for requests to each peer. */
  readonly links: number
  /** The fraction of each group's budget that copies of other nodes' hot keys may take. */
  readonly copies: number
  /** For how long at most a copy is served without asking the owner. */
  readonly copyMaxAge: number
  /** Bytes per second that handovers may send; 0: no limit. */
  readonly handoverRate: number
}

interface ClusterTls {
  /** What the certificate of another node must be valid for: `any`, `address` or a DNS name. */
  readonly memberName: () => string
}

export interface ClusterOptions {
  readonly settings: ClusterSettings
  readonly membership: Membership
  readonly groups: readonly Group[]
  readonly runId: string
  readonly clock: Clock
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  readonly micros: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Opens a connection to a member; by default to its host and port. */
  readonly connect?: ((member: Member) => Socket) | undefined
  /** Set if links use TLS only; `connect` then opens them with TLS. `undefined`: they do not use TLS. */
  readonly tls?: ClusterTls | undefined
  readonly log: Log
}

// The interface of failure detection: the detector's options, its reports and its events.

import type { Clock, Timers } from '../../bytes/clock.ts'
import type { Member } from '../member.ts'
import type { PeerStatus } from './health.ts'
import type { Suspicion } from './state.ts'

/** The members that are alive, as this node sees it. */
export interface View {
  /**
   * Sorted by name. Empty until the detector is settled. This node is missing while it leaves, and while others have
   * declared it dead.
   */
  readonly members: readonly Member[]
  /** A fingerprint of the members: equal on nodes that have the same view. */
  readonly epoch: number
  /** The number of views that this process has had. */
  readonly counter: number
}

/** Listeners may call the detector. */
export interface DetectorEvents {
  /** The view has changed. Not emitted before `onSettled`. */
  onView(view: View): void
  /**
   * Others have declared this node dead and taken over its slots, or it lost its registration: its entries may be
   * out of date and must be dropped. Emitted before any event that lets the node serve; once for each declaration.
   */
  onDeclaredDead(): void
  /**
   * true: this process was paused for so long that it may have been declared dead; it must not serve.
   * false: the check is over. If the node was declared dead, `onDeclaredDead` came before.
   */
  onLeaseCheck(isRunning: boolean): void
  /** A peer is considered dead from now on, and has not left in order. */
  onPeerDown(name: string): void
  /** Whether more than half of the others are silent, so that this node may be the one that is cut off. */
  onIsolated(isolated: boolean): void
  /** Every listed member has answered or failed, or the timeout has passed. The first view follows. */
  onSettled(): void
  /** This node's report has changed: send heartbeats to all peers now. */
  onChanged(): void
}

/** One peer, for INFO and CLUSTER NODES. Times in ms of the clock. */
export interface PeerReport {
  readonly name: string
  /** '' before the first contact. */
  readonly runId: string
  readonly status: PeerStatus
  readonly suspicion: Suspicion | undefined
  /** When the status last changed. */
  readonly since: number
  readonly lastHeard: number
  /** The round trip of the last heartbeat, ms. */
  readonly latency: number | undefined
  /** Failures within the last two minutes. */
  readonly failures: number
  readonly linked: boolean
  /** It is down because it has left in order. */
  readonly hasLeft: boolean
}

export interface DetectorOptions {
  readonly self: Member
  /** Differs for each start of the process. */
  readonly runId: string
  readonly clock: Clock
  /** A peer from which nothing was received for this long is down, ms; several heartbeat intervals. */
  readonly timeout: number
  /** The fingerprint of a set of members. */
  readonly epochOf: (members: readonly Member[]) => number
  /** The version of the slot assignment. Nodes of different versions never have the same epoch. */
  readonly tableVersion: number
  readonly events: DetectorEvents
  /** With timers, conclusions are drawn for many messages together; see heartbeats/batch.ts. */
  readonly timers?: Timers
  /** The least time between two conclusions with that many peers, ms; by default `batchInterval`. */
  readonly batchMs?: (peers: number) => number
  /** When a peer last replied to a forwarded request, ms since the epoch; 0: never. */
  readonly repliedAt?: (name: string) => number
  /** The process counts as paused if the detector was not called for this long, ms; by default half the timeout. */
  readonly pauseThreshold?: number
  /** Probation, ms: the first one, the longest one, and the time without a failure after which the first applies again. */
  readonly probation?: { readonly shortest?: number; readonly longest?: number; readonly window?: number }
}

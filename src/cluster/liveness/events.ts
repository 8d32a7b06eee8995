// What the detector is given and what it tells.

import type { Clock } from '../../bytes/clock.ts'
import type { Member } from '../member.ts'
import type { Verdict } from './health.ts'
import type { Charge } from './state.ts'

/** The members that are alive, as this node sees it. */
export interface View {
  /** Sorted by name. Without this node, when it leaves or others took its slots over; none before it is settled. */
  readonly members: readonly Member[]
  /** The fingerprint of the members: the same on every node that has the same view. */
  readonly epoch: number
  /** Counts the views of this process. */
  readonly counter: number
}

/** What the detector tells. Each may call the detector. */
interface DetectorEvents {
  /** The view has changed. Not called before the node is settled. */
  onView(view: View): void
  /**
   * Others have declared this node dead and took its slots over, or it lost its standing: what it holds may be out
   * of date. Called before whatever else follows; several times in a row when several have declared it.
   */
  onDeposed(): void
  /** True: this process stood still and may have been declared dead. False: it knows (`onDeposed` came before). */
  onDoubt(doubtful: boolean): void
  /** Whether most of the others are silent, so that this node may be the one that is cut off. */
  onIsolated(isolated: boolean): void
  /** Each listed member was reached, or failed, or the timeout has passed: the first view follows. */
  onSettled(): void
  /** What this node says of the others has changed: `message()` should go to all peers now. */
  onChanged(): void
}

/** One peer, for INFO and CLUSTER NODES. Times in ms of the clock. */
export interface PeerReport {
  readonly name: string
  /** '' before the first contact. */
  readonly runId: string
  readonly verdict: Verdict
  readonly charge: Charge | undefined
  /** When the verdict was given. */
  readonly since: number
  readonly lastHeard: number
  /** The round trip of the last ping, in ms. */
  readonly latency: number | undefined
  /** How often it fell of late. */
  readonly falls: number
  readonly linked: boolean
}

export interface DetectorOptions {
  readonly self: Member
  /** Different for each start of the process. */
  readonly runId: string
  readonly clock: Clock
  /** A peer that is not heard for so long is down, in ms; several pings long. */
  readonly timeout: number
  /** The fingerprint of a set of members. */
  readonly epochOf: (members: readonly Member[]) => number
  readonly events: DetectorEvents
  /** This process stood still when it did not come to its turn for so long, in ms; the default is half the timeout. */
  readonly gap?: number
  /** Probation, in ms: the first one, the longest, and after how long without a fall it starts anew. */
  readonly probation?: { readonly shortest?: number; readonly longest?: number; readonly window?: number }
}

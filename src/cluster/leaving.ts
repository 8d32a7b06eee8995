// Which members are leaving, and the drain of this node: it hands its slots over, then leaves the list of members.

import { type CancelTimer, type Timers, waitAtMost } from '../bytes/clock.ts'
import type { ControlChannel } from './control-channel.ts'
import type { Handover } from './handover/handover.ts'
import type { Detector } from './liveness/detector.ts'
import type { Log } from './log.ts'
import type { Membership } from './membership/membership.ts'
import type { Ownership } from './ownership/ownership.ts'

/** Maximum time for the other members' last requests, and for removing this node from the list of members, ms. */
const FAREWELL_TIMEOUT = 2000
const UNLIST_TIMEOUT = 1000

const ignore = (): void => {}

export interface LeavingOptions {
  readonly self: string
  readonly detector: Detector
  readonly ownership: Ownership
  readonly handover: Handover
  readonly controlChannel: ControlChannel
  readonly membership: Membership
  /** The nodes that this one hears from, whether they are members or not. */
  readonly known: () => readonly string[]
  /** Resolves when all requests that these nodes have sent to this one are answered. */
  readonly farewell: (names: readonly string[]) => Promise<unknown>
  readonly timers: Timers
  readonly log: Log
  /** Whether no other node is alive. */
  readonly isLast: () => boolean
}

export class Leaving {
  /** Whether this node is leaving. */
  isLeaving = false
  readonly #options: LeavingOptions
  #draining: Promise<boolean> | undefined
  #check = (): void => {}

  constructor(options: LeavingOptions) {
    this.#options = options
  }

  /** Whether other nodes know this one, and may send it requests although it is in no view of its own yet. */
  get isKnown(): boolean {
    return this.#options.known().length > 0
  }

  /** The names of live members that are leaving, possibly including this node; sorted. */
  get names(): readonly string[] {
    const { self, detector } = this.#options
    const names = detector.leavingPeers
    if (this.isLeaving) names.push(self)
    return names.sort()
  }

  /** Checks whether a drain is complete. Call after anything that may complete it. */
  check(): void {
    this.#check()
  }

  /** See `Cluster.drain`. */
  async drain(timeout: number): Promise<boolean> {
    const { timers, log, ownership, handover } = this.#options
    let stop: CancelTimer = () => {}
    const late = new Promise<undefined>((resolve) => {
      stop = timers.after(timeout, () => resolve(undefined))
    })
    this.#draining ??= this.#drain()
    const isOver = await Promise.race([this.#draining, late])
    stop()
    if (isOver === true) return true
    const { slotCount, hasReleasedAll } = ownership
    if (isOver === undefined)
      log.warn(
        { slots: slotCount, hasReleasedAll, pending: handover.pending },
        'not everything was handed over in time',
      )
    return false
  }

  async #drain(): Promise<boolean> {
    const { log, detector, ownership, handover, isLast } = this.#options
    this.#begin()
    await new Promise<void>((resolve) => {
      this.#check = () => {
        if (detector.view.members.length === 0) resolve()
        else if (ownership.hasReleasedAll || isLast()) void handover.drained.then(resolve)
      }
      this.#check()
    })
    const isDone = ownership.hasReleasedAll && handover.pending === 0
    if (isDone) {
      log.info({}, 'everything is handed over')
      const { farewell, known, membership, timers } = this.#options
      // The others send no new requests: they know the new owners. Requests in flight must be answered before
      // connections close.
      await waitAtMost(timers, FAREWELL_TIMEOUT, farewell(known())).catch(ignore)
      // Only after everything is handed over: the others ignore members that are not listed.
      await waitAtMost(timers, UNLIST_TIMEOUT, membership.leave()).catch(ignore)
    } else {
      log.info({}, 'no other node stays: the entries of this node are lost')
      // If another member joins, this node can be drained to it.
      this.#draining = undefined
    }
    return isDone
  }

  #begin(): void {
    if (this.isLeaving) return
    const { log, detector, controlChannel } = this.#options
    this.isLeaving = true
    log.info({}, 'leaving: handing the slots of this node over')
    detector.leave()
    controlChannel.sendHeartbeats()
  }
}

// Which members are leaving, and the drain of this node: it hands its slots over, then leaves the list of members.

/*
 * A node that leaves closes its connections only when no other node can still expect a reply on them. A command that may
 * not run twice would otherwise end with an error:
 *
 *   1. It hands everything over, and each live member knows that it leaves (`Ownership.hasReleasedAll`). A member that
 *      joins meanwhile counts: the condition is checked again after everything is handed over.
 *   2. It says farewell to every node that it hears from (PEER FAREWELL). From then on that node sends it no more requests
 *      of clients (`Peer.hasLeft`): it may still have to learn who owns their keys now, and they wait for that. It answers
 *      when it has received an answer, or the deferral of one, to all that it has sent.
 *   3. Its server closes each connection when its deferred replies are sent (`Server.close`).
 *
 * What bounds this: the timeout of the drain. A node that is stopped goes on for as long as it progresses, and counts the
 * timeout from the last progress: that the machine is slow must lose no entries. Nothing adds slots or entries to a node
 * that leaves, so that ends. A node that does not answer is no reason to wait: failure detection ends the transfers to it.
 */

import { type CancelTimer, delay, type Timers, waitAtMost } from '../bytes/clock.ts'
import type { ControlChannel } from './control-channel.ts'
import type { Handover } from './handover/handover.ts'
import type { Detector } from './liveness/detector.ts'
import type { Log } from './log.ts'
import type { Membership } from './membership/membership.ts'
import type { Ownership } from './ownership/ownership.ts'

/** The wait before a node that could not be reached is told again, and for how long that is tried, ms. */
const FAREWELL_RETRY_MS = 50
const FAREWELL_TIMEOUT = 2000
/** Maximum time for removing this node from the list of members, ms. */
const UNLIST_TIMEOUT = 1000

const ignore = (): void => {}

export interface LeavingOptions {
  readonly self: string
  readonly detector: Detector
  readonly ownership: Ownership
  readonly handover: Handover
  readonly controlChannel: ControlChannel
  readonly membership: Membership
  /** The nodes that this one hears from, or that have connections to it, whether they are members or not. */
  readonly known: () => readonly string[]
  /** Resolves when a node sends no more requests, and all that it has sent are answered. Rejects if it is not reached. */
  readonly farewell: (name: string) => Promise<unknown>
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
  async drain(timeout: number, since: 'start' | 'progress'): Promise<boolean> {
    const { timers, log, ownership, handover } = this.#options
    let stop: CancelTimer = () => {}
    const late = new Promise<undefined>((resolve) => {
      const wait = (before: string): void => {
        stop = timers.after(timeout, () => {
          const now = this.#progress
          if (since === 'start' || now === before) resolve(undefined)
          else wait(now)
        })
      }
      wait(this.#progress)
    })
    this.#draining ??= this.#drain()
    const isOver = await Promise.race([this.#draining, late])
    stop()
    if (isOver === true || this.#hasHandedOver) return true
    const { slotCount, hasReleasedAll } = ownership
    if (isOver === undefined)
      log.warn(
        { slots: slotCount, hasReleasedAll, pending: handover.pending },
        'not everything was handed over in time',
      )
    return false
  }

  async #drain(): Promise<boolean> {
    const { log, handover, membership, timers } = this.#options
    this.#begin()
    // Members may join, and ask for votes, while the last entries are handed over.
    while (this.#mayHandOver && !this.#hasHandedOver) {
      await this.#allReleased()
      await handover.drained
    }
    const isDone = this.#hasHandedOver
    if (isDone) {
      log.info({}, 'everything is handed over')
      await this.#sayFarewell()
      // Only after everything is handed over: the others ignore members that are not listed.
      await waitAtMost(timers, UNLIST_TIMEOUT, membership.leave()).catch(ignore)
    } else {
      log.info({}, 'no other node remains: the entries of this node are lost')
      // If another member joins, this node can be drained to it.
      this.#draining = undefined
    }
    return isDone
  }

  /** Changes with each slot that is released, and each batch of entries that is taken. */
  get #progress(): string {
    const { ownership, handover } = this.#options
    return `${ownership.slotCount} ${handover.progress}`
  }

  get #hasHandedOver(): boolean {
    const { ownership, handover } = this.#options
    return ownership.hasReleasedAll && handover.pending === 0
  }

  /** Whether there is a member that may take over what this node holds. */
  get #mayHandOver(): boolean {
    const { detector, isLast } = this.#options
    return detector.view.members.length > 0 && !isLast()
  }

  /** Resolves when this node owns nothing and all know that it leaves, or when no other member stays. */
  #allReleased(): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (this.#options.ownership.hasReleasedAll || !this.#mayHandOver) resolve()
      }
      this.#check()
    })
  }

  /** Tells every node that this one closes, those included that appear meanwhile. */
  async #sayFarewell(): Promise<void> {
    const { known, farewell, timers } = this.#options
    const told = new Set<string>()
    const tell = (name: string): Promise<unknown> => farewell(name).then(() => told.add(name), ignore)
    for (let waited = 0; ; waited += FAREWELL_RETRY_MS) {
      const untold = known().filter((name) => !told.has(name))
      if (untold.length === 0) return
      await Promise.all(untold.map(tell))
      if (untold.every((name) => told.has(name))) continue
      if (waited >= FAREWELL_TIMEOUT) return
      await delay(timers, FAREWELL_RETRY_MS)
    }
  }

  #begin(): void {
    if (this.isLeaving) return
    const { log, detector, controlChannel } = this.#options
    this.isLeaving = true
    log.info({}, 'leaving: handing over the slots of this node')
    detector.leave()
    controlChannel.sendHeartbeats()
  }
}

// Groups with `onPartition: 'refuse'`: which keys a node refuses while it does not hold leases of a majority of the members.
//
// A node refuses the keys that it owns while it holds no leases of a majority (liveness/majority.ts). A node that takes
// slots over from a member that is gone refuses their keys until that member's leases have expired: until all members of
// the view have agreed on it, and 1.1 × `timeout` has passed since: a tenth for clocks that run at different speeds.

import type { CancelTimer, Clock, Timers } from '../bytes/clock.ts'
import { SLOT_COUNT } from '../bytes/crc16.ts'
import type { Group } from '../group/group.ts'
import type { Majority } from './liveness/majority.ts'
import type { Log } from './log.ts'

/** TTL of values that are loaded while this node is in a minority, ms: long enough for all waiters of the load. */
const LOADED_LIFETIME_MS = 50

const CLOCK_DRIFT = 0.1

export interface PartitionOptions {
  readonly groups: readonly Group[]
  readonly majority: Majority
  readonly clock: Clock
  readonly timers: Timers
  readonly timeout: number
  readonly log: Log
  /** The live members, including those that are leaving. */
  readonly live: () => ReadonlySet<string>
  /** Whether all of them have agreed on the view. */
  readonly isAgreed: () => boolean
}

export class Partition {
  /** Whether any group refuses something now. */
  isRefusing = false
  /** Whether this node does not hold leases of a majority. */
  isMinority = false
  readonly #options: PartitionOptions
  #refusing: readonly Group[]
  /** By slot: 1 if a member that is gone may still serve it. */
  readonly #waiting = new Uint8Array(SLOT_COUNT)
  #waitingCount = 0
  #hadMajority = false
  #cancel: CancelTimer | undefined

  constructor(options: PartitionOptions) {
    this.#options = options
    this.#refusing = options.groups.filter(({ refuses }) => refuses)
  }

  /** Groups, or their policies, have changed. */
  groupsChanged(): void {
    const before = this.#refusing
    this.#refusing = this.#options.groups.filter(({ refuses }) => refuses)
    for (const group of before) if (!this.#refusing.includes(group)) group.limitLifetime(0)
    if (this.isMinority)
      for (const group of this.#refusing) if (!before.includes(group)) restrict(group, true)
    if (this.#refusing.length > 0) {
      this.check()
      return
    }
    this.isMinority = false
    this.isRefusing = false
  }

  /** Updates the state by the clock. Called before each batch of commands. */
  check(): void {
    if (this.#refusing.length === 0) return
    const { clock, majority, log } = this.#options
    const isMinority = clock.now() >= majority.until
    if (isMinority !== this.isMinority) {
      this.isMinority = isMinority
      // At the start a node has no leases yet.
      if (this.#hadMajority) log.warn({ members: majority.members }, isMinority ? REFUSING : SERVING)
      this.#hadMajority ||= !isMinority && majority.isAgreed
      for (const group of this.#refusing) restrict(group, isMinority)
    }
    this.isRefusing = isMinority || this.#waitingCount > 0
  }

  /** Whether keys of this slot, which this node owns, must not be served now. */
  isWithheld(slot: number): boolean {
    return this.isMinority || this.#waiting[slot] !== 0
  }

  /** Whether this slot may still be served by a member that is gone. It must not be given away. */
  isWaiting(slot: number): boolean {
    return this.#waiting[slot] !== 0
  }

  /** This node owns these slots now. `from`: the member that has given them up. */
  gained(slots: readonly number[], from: string | undefined): void {
    if (this.#refusing.length === 0) return
    const mustWait = from === undefined && this.#options.majority.misses(this.#options.live())
    for (const slot of slots) this.#set(slot, mustWait)
    if (mustWait) this.#restart()
    this.check()
  }

  lost(slots: readonly number[]): void {
    for (const slot of slots) this.#set(slot, false)
    this.check()
  }

  /** The view, or what the members agree about, may have changed. */
  agreementChanged(): void {
    if (this.#waitingCount === 0 || this.#cancel !== undefined || !this.#options.isAgreed()) return
    const { timers, timeout } = this.#options
    this.#cancel = timers.after(timeout * (1 + CLOCK_DRIFT), () => {
      this.#cancel = undefined
      this.#waiting.fill(0)
      this.#waitingCount = 0
      this.check()
    })
  }

  /** The view has changed: the members must agree again. */
  viewChanged(): void {
    this.#restart()
  }

  close(): void {
    this.#cancel?.()
  }

  /** For CLUSTER INFO; undefined: nothing is refused. */
  get problem(): string | undefined {
    this.check()
    if (this.isMinority) return REFUSING
    if (this.#waitingCount === 0) return undefined
    return `${this.#waitingCount} slots of members that are gone are refused by groups with onPartition 'refuse' until the leases of these members have expired`
  }

  #set(slot: number, isWaiting: boolean): void {
    if ((this.#waiting[slot] !== 0) === isWaiting) return
    this.#waiting[slot] = isWaiting ? 1 : 0
    this.#waitingCount += isWaiting ? 1 : -1
  }

  #restart(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}

const SERVING = 'this node is with a majority of the members again'
const REFUSING =
  "this node is not with a majority of the members: groups with onPartition 'refuse' answer CLUSTERDOWN"

function restrict(group: Group, isMinority: boolean): void {
  if (group.flights === undefined) return
  // A cached value could be older than a write on the other side of the partition.
  group.limitLifetime(isMinority ? LOADED_LIFETIME_MS : 0)
  if (isMinority) group.clear()
}

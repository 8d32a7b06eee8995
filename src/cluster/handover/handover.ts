// Sends the entries of slots that this node no longer owns to their new owners, and drops entries that have none.

/*
 * The protocol, between the previous owner (`Handover`) and the new one (`Takeover`)
 *
 *   1. The slot is released (see `Ownership`). From then on only the new owner answers for it; clients do not wait.
 *   2. The previous owner walks its stores and sends the slot's entries in batches (PEER TAKE). An entry is removed here
 *      once the new owner has taken it and it is still the same. `later`: the new owner does not know yet that it
 *      gained the slot; the batch is sent again. `refused`: the new owner does not want the entries; they are dropped.
 *      Large collections are sent in parts (PEER PART), then their entries without the value: see `Arrivals`.
 *   3. A command at the new owner on a key that it does not hold asks the previous owner for it first (PEER PEEK), and
 *      again if there is no reply. It runs once there is one, the slot is handed over, or the previous owner is gone.
 *      Only if the group has an origin it does not wait for long: the origin is asked then; the entry may still arrive.
 *      A large collection is not the reply: it is sent at once, as below, and asked for again until it is there.
 *   4. When a pass over the stores has left nothing of a slot, the previous owner says so (PEER DONE). Only now may the
 *      new owner release the slot to another node (`Takeover.isBusy`).
 *
 * Invariants:
 *   - An entry is always found: the previous owner keeps it until the new owner has taken it, and answers PEEK with it
 *     meanwhile. So if a PEEK finds nothing, either the new owner has the entry, or there is none.
 *   - A transferred entry never replaces anything newer. The new owner keeps what it holds, and remembers every key
 *     written, removed or found absent since it gained the slot; flushes count for all keys. If there are too many to
 *     remember, it refuses all further entries of that node: they are lost, but nothing old appears.
 *   - The previous owner drops entries from before the loss of a slot when it gains it back (`StaleEntries`), since
 *     another node has served the slot meanwhile.
 *   - Only the owner runs commands, with one exception: a read of a group with an origin runs here if the owner cannot
 *     be reached. It may leave an entry, which is dropped after MISROUTED_DROP_MS. Where entries are being handed over
 *     it may change one. Such slots are walked again, at most MAX_PASSES times; the rest is dropped.
 *   - Lifetimes are sent as remaining time: the clocks of the nodes need not agree.
 *   - When a node dies or restarts, transfers from and to it end. What it had not sent is lost; what was for it is
 *     dropped.
 *   - Writes that wait for an origin are not transferred: a slot is not released while it has some (`PendingWrites`).
 */

import type { CancelTimer } from '../../bytes/clock.ts'
import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import type { Store } from '../../store/store.ts'
import { dumpEntry, markWithoutNotifications } from '../../store/transfer/dump.ts'
import { Delivery, type DeliveryOptions, Destination } from './delivery.ts'
import { Pace } from './pace.ts'
import type { Tally } from './tally.ts'

/** The number of index slots that are visited at a time. */
const INDEX_SLOTS_PER_SLICE = 256
/** Time before DONE is sent again to a new owner that has answered `later`, ms. */
const RETRY_MS = 50
/** After so many failures to reach a member that is gone, a minute, it is not told any more: it has stopped. */
const MAX_FAILURES_OF_GONE = 1200
/** Maximum number of passes for a slot that changes during each of them. */
const MAX_PASSES = 3
/** Delay before entries left by misrouted requests are dropped together. */
const MISROUTED_DROP_MS = 1000

/** State of a slot: not handed over; waiting for the next pass; in the current pass; sent, DONE to be acknowledged. */
const NONE = 0
const WAITING = 1
const IN_PASS = 2
const FINISHED = 3

export interface HandoverOptions extends DeliveryOptions {
  /** Tells a member how many entries of each store it has been sent since it appeared. */
  readonly tally: (to: string, sent: Tally) => void
  /** Tells a member that it has received everything in these slots. */
  readonly done: (to: string, slots: readonly number[]) => Promise<'taken' | 'later'>
}

export class Handover {
  /** The number of slots not handed over yet. */
  pending = 0
  readonly #options: HandoverOptions
  readonly #pace: Pace
  readonly #delivery: Delivery
  readonly #state = new Uint8Array(SLOT_COUNT)
  /** By slot: the number of passes during which it changed. */
  readonly #passes = new Uint8Array(SLOT_COUNT)
  /** Slots with entries that were written after they had been sent. */
  readonly #changed = new Set<number>()
  readonly #destinationOf: (Destination | undefined)[] = Array(SLOT_COUNT).fill(undefined)
  readonly #destinations = new Map<string | undefined, Destination>()
  readonly #misrouted = new Set<number>()
  #cancelMisrouted: CancelTimer | undefined
  #running = false
  #closed = false
  #waiters: (() => void)[] = []

  constructor(options: HandoverOptions) {
    this.#options = options
    this.#pace = new Pace(options)
    this.#delivery = new Delivery(options, this.#pace, {
      destinationOf: (slot) => this.#destinationOf[slot],
      changed: (slot) => this.#changed.add(slot),
    })
  }

  /** Since the start: entries taken by others, entries dropped, and bytes sent. */
  get moved(): number {
    return this.#delivery.moved
  }

  get dropped(): number {
    return this.#delivery.dropped
  }

  get sentBytes(): number {
    return this.#delivery.sentBytes
  }

  /** Changes with whatever brings the handover closer to its end. */
  get progress(): string {
    return `${this.pending} ${this.#delivery.answered}`
  }

  /** How many entries each member was sent. */
  get sent(): Tally {
    return this.#delivery.sent
  }

  /** The members to which entries are being sent. */
  get sendsTo(): string[] {
    const names = new Set<string>()
    if (this.pending > 0)
      for (const destination of this.#destinationOf)
        if (destination !== undefined && !destination.isGone) names.add(destination.name!)
    return [...names]
  }

  /** `to` now owns these slots; `undefined`: their entries are dropped. */
  lost(slots: readonly number[], to: string | undefined): void {
    let destination = this.#destinations.get(to)
    if (destination === undefined) {
      destination = new Destination(to)
      this.#destinations.set(to, destination)
    }
    for (const slot of slots) {
      if (this.#state[slot] === NONE) this.pending++
      this.#state[slot] = WAITING
      this.#passes[slot] = 0
      this.#destinationOf[slot] = destination
    }
    if (!this.#running) void this.#run()
  }

  /** This node owns these slots again: their entries stay here. */
  regained(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#misrouted.delete(slot)
      this.#forget(slot)
    }
    this.#resolveWaiters()
  }

  /** A request ran here for a slot that this node does not own, and may have left an entry. */
  ranMisrouted(slot: number): void {
    if (this.#state[slot] !== NONE) {
      this.#changed.add(slot)
      return
    }
    this.#misrouted.add(slot)
    this.#cancelMisrouted ??= this.#options.timers.after(MISROUTED_DROP_MS, () => {
      this.#cancelMisrouted = undefined
      const slots = [...this.#misrouted].filter((stray) => this.#state[stray] === NONE)
      this.#misrouted.clear()
      this.lost(slots, undefined)
    })
  }

  /** A member has died or restarted: entries for it are dropped. */
  peerGone(to: string): void {
    const destination = this.#destinations.get(to)
    if (destination === undefined) return
    destination.isGone = true
    this.#destinations.delete(to)
    this.#delivery.sent.forget(to)
  }

  /** Resolves once nothing is left to hand over. */
  get drained(): Promise<void> {
    if (this.pending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /**
   * The dump of an entry, for the new owner that asks for it; `undefined`: there is none. `large`: it is sent in parts,
   * from now on.
   */
  peek(group: Group, key: Buffer): Buffer | 'large' | undefined {
    const { store } = group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF) return undefined
    const slot = keySlot(key, 0, key.length)
    const destination = this.#destinationOf[slot]
    if (destination?.isGone === false && this.#delivery.isLarge(store, ref)) {
      void this.#delivery.add(store, destination, key, slot, ref)
      return 'large'
    }
    const dump = dumpEntry(store, ref)
    if (group.isDisconnected) markWithoutNotifications(dump)
    return dump
  }

  close(): void {
    this.#closed = true
    this.#delivery.close()
    this.#cancelMisrouted?.()
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#forget(slot)
    this.#resolveWaiters()
  }

  async #run(): Promise<void> {
    const { groups } = this.#options
    this.#running = true
    await this.#pace.start()
    while (this.#startPass()) {
      this.#changed.clear()
      // Store by store, not group by group: SWAPDB may exchange the stores of groups meanwhile.
      for (const store of new Set(groups.map((group) => group.store))) await this.#walk(store)
      for (const [destination, slots] of this.#finishPass()) void this.#reportDone(destination, slots)
    }
    this.#running = false
  }

  /** Whether slots are waiting: they join the pass. */
  #startPass(): boolean {
    let found = false
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#state[slot] !== WAITING) continue
      this.#state[slot] = IN_PASS
      found = true
    }
    return found
  }

  async #walk(store: Store): Promise<void> {
    for (let cursor = 0; ; ) {
      const keys: { key: Buffer; slot: number }[] = []
      cursor = this.#collect(store, cursor, keys)
      for (const { key, slot } of keys) {
        await this.#pace.yieldIfDue()
        const destination = this.#destinationOf[slot]
        const ref = store.peek(key, 0, key.length)
        if (destination === undefined || ref === NULL_REF) continue
        if (destination.isGone) this.#delivery.drop(store, ref)
        else await this.#delivery.add(store, destination, key, slot, ref)
      }
      if (cursor === 0 || this.#closed) break
      await this.#pace.yieldIfDue()
    }
    const all = new Set(this.#destinationOf)
    for (const destination of all)
      if (destination !== undefined) await this.#delivery.send(store, destination)
    for (const destination of all) await destination?.inFlight
  }

  /** Collects the next keys to send, and drops entries without a destination. */
  #collect(store: Store, cursor: number, keys: { key: Buffer; slot: number }[]): number {
    const { records } = store
    const dropped: Ref[] = []
    const next = store.keyspace.walk(cursor, INDEX_SLOTS_PER_SLICE, (ref) => {
      records.locateKey(ref)
      const slot = keySlot(records.bytes, records.keyFrom, records.keyTo)
      if (this.#state[slot] !== IN_PASS) return
      if (this.#destinationOf[slot]!.isGone) dropped.push(ref)
      else keys.push({ key: store.copyKey(ref), slot })
    })
    for (const ref of dropped) this.#delivery.drop(store, ref)
    return next
  }

  /** The slots of which this pass has left nothing, by destination. */
  #finishPass(): Map<Destination, number[]> {
    const finished = new Map<Destination, number[]>()
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const destination = this.#destinationOf[slot]
      if (this.#state[slot] !== IN_PASS || destination === undefined) continue
      if (this.#changed.has(slot)) {
        this.#state[slot] = WAITING
        if (++this.#passes[slot] >= MAX_PASSES)
          this.#destinationOf[slot] = new Destination(destination.name, true)
        continue
      }
      this.#state[slot] = FINISHED
      const slots = finished.get(destination)
      if (slots === undefined) finished.set(destination, [slot])
      else slots.push(slot)
    }
    return finished
  }

  /**
   * Tells the member that it has everything. Slots that were lost again meanwhile stay pending. One that is gone may be
   * alive, only not in the view for a moment, and would wait for ever: it is told as well, once it is reached, but not
   * waited for.
   */
  async #reportDone(destination: Destination, slots: readonly number[]): Promise<void> {
    if (!destination.isGone && this.#hasSentAll(destination))
      this.#options.tally(destination.name!, this.sent)
    const told = this.#tellDone(destination, slots)
    if (!destination.isGone) await told
    for (const slot of slots)
      if (this.#state[slot] === FINISHED && this.#destinationOf[slot] === destination) this.#forget(slot)
    this.#resolveWaiters()
  }

  async #tellDone(destination: Destination, slots: readonly number[]): Promise<void> {
    const { name } = destination
    let failures = 0
    while (name !== undefined && !this.#closed) {
      // Slots that were lost to it again meanwhile are not done.
      const rest = slots.filter((slot) => this.#isDone(slot, destination))
      if (rest.length === 0) break
      const answer = await this.#options.done(name, rest).catch(() => 'unreachable' as const)
      if (answer === 'taken') break
      if (answer === 'unreachable' && destination.isGone && ++failures === MAX_FAILURES_OF_GONE) break
      await this.#pace.wait(RETRY_MS)
    }
  }

  #isDone(slot: number, destination: Destination): boolean {
    const now = this.#destinationOf[slot]
    return now === destination ? this.#state[slot] === FINISHED : now?.name !== destination.name
  }

  #hasSentAll(destination: Destination): boolean {
    return this.#destinationOf.every((each, slot) => each !== destination || this.#state[slot] === FINISHED)
  }

  #forget(slot: number): void {
    if (this.#state[slot] === NONE) return
    this.#state[slot] = NONE
    this.#destinationOf[slot] = undefined
    this.pending--
  }

  #resolveWaiters(): void {
    if (this.pending === 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }
}

// Hands the entries of slots that this node no longer owns to their owners, and drops what nobody takes.

import type { CancelTimer, Timers } from '../../bytes/clock.ts'
import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ageDump, dumpEntry, isUnchanged, markWithoutNotifications } from '../../store/dump.ts'
import type { Store } from '../../store/store.ts'
import type { TransferredEntry } from './takeover.ts'

/** A batch is sent when it has so many bytes or entries. */
const BATCH_BYTES = 64 * 1024
const BATCH_ENTRIES = 256
/** A slice takes about this long, µs, and looks at so many slots of the index at a time. */
const SLICE_MICROS = 500
const INDEX_SLOTS_PER_SLICE = 256
/** Before what a member would not take yet is sent again, ms. */
const RETRY_MS = 50
/** Bytes sent beyond the rate are waited for once they are worth so many ms. */
const MIN_WAIT_MS = 5
/** A pass is repeated for what was written meanwhile, but not for ever. */
const MAX_PASSES = 3
/** What final requests left is dropped so many ms later, all of it together. */
const MISROUTED_DROP_MS = 1000

/** By slot: not handed over; to be walked from the next pass on; in the pass under way; walked and to be reported. */
const NONE = 0
const WAITING = 1
const IN_PASS = 2
const FINISHED = 3

export interface HandoverOptions {
  readonly groups: readonly Group[]
  readonly instant: Instant
  readonly timers: Timers
  /** A clock that never goes back, in microseconds. */
  readonly micros: () => number
  /** Lets other work run. */
  readonly pause: () => Promise<void>
  /** How much is sent at most; 0: as much as is taken. */
  readonly bytesPerSecond: number
  /** Settles when the member has answered; a rejection is taken for `later`, until `gone` is called. */
  readonly send: (
    to: string,
    group: Group,
    entries: readonly TransferredEntry[],
  ) => Promise<'taken' | 'later' | 'refused'>
  /** Tells a member that it has everything in these slots. */
  readonly done: (to: string, slots: readonly number[]) => Promise<'taken' | 'later'>
}

interface OutgoingEntry extends TransferredEntry {
  readonly slot: number
  readonly deadline: bigint
  /** The moment that the times in the dump refer to. */
  at: number
}

/** Where entries go; `name` undefined, or gone: nowhere. */
class Destination {
  readonly name: string | undefined
  isGone: boolean
  batch: OutgoingEntry[] = []
  bytes = 0
  /** The batch under way; never rejects. */
  inFlight: Promise<void> = Promise.resolve()

  constructor(name: string | undefined) {
    this.name = name
    this.isGone = name === undefined
  }
}

export class Handover {
  /** Entries taken by others, entries dropped, and bytes sent, since the start. */
  moved = 0
  dropped = 0
  sentBytes = 0
  /** Slots not handed over yet. */
  pending = 0
  readonly #options: HandoverOptions
  readonly #state = new Uint8Array(SLOT_COUNT)
  /** By slot: how many passes have found it changed. */
  readonly #passes = new Uint8Array(SLOT_COUNT)
  /** Slots of which something was written since it was sent. */
  readonly #changed = new Set<number>()
  readonly #destinationOf: (Destination | undefined)[] = Array(SLOT_COUNT).fill(undefined)
  readonly #destinations = new Map<string | undefined, Destination>()
  readonly #misrouted = new Set<number>()
  #cancelMisrouted: CancelTimer | undefined
  #running = false
  #closed = false
  #unpacedBytes = 0
  #sliceStart = 0
  #waiters: (() => void)[] = []

  constructor(options: HandoverOptions) {
    this.#options = options
  }

  /** `to` owns these slots now; `undefined`: their entries are dropped. */
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

  /** This node owns these slots again: what it holds of them stays. */
  regained(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#misrouted.delete(slot)
      this.#forget(slot)
    }
    this.#resolveWaiters()
  }

  /** A final request ran on a slot that this node does not own, and may have left something. */
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

  /** A member has died, or started anew: what was for it is dropped. */
  peerGone(to: string): void {
    const destination = this.#destinations.get(to)
    if (destination === undefined) return
    destination.isGone = true
    this.#destinations.delete(to)
  }

  /** Settles as soon as nothing is left to be handed over. */
  get drained(): Promise<void> {
    if (this.pending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** What this node holds of a key, for the owner that asks for it. */
  peek(group: Group, key: Buffer): Buffer | undefined {
    const { store } = group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF) return undefined
    const dump = dumpEntry(store, ref)
    if (group.isDisconnected) markWithoutNotifications(dump)
    return dump
  }

  close(): void {
    this.#closed = true
    this.#cancelMisrouted?.()
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#forget(slot)
    this.#resolveWaiters()
  }

  async #run(): Promise<void> {
    const { groups, pause, micros } = this.#options
    this.#running = true
    await pause()
    this.#sliceStart = micros()
    while (this.#startPass()) {
      this.#changed.clear()
      // By store: SWAPDB may exchange those of groups meanwhile.
      for (const store of new Set(groups.map((group) => group.store))) await this.#walk(store)
      for (const [destination, slots] of this.#finishPass()) void this.#reportDone(destination, slots)
    }
    this.#running = false
  }

  /** Whether there is something to walk for. */
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
        await this.#yieldIfDue()
        const destination = this.#destinationOf[slot]
        const ref = store.peek(key, 0, key.length)
        if (destination === undefined || ref === NULL_REF) continue
        if (destination.isGone) this.#drop(store, ref)
        else await this.#addToBatch(store, destination, key, slot, ref)
      }
      if (cursor === 0 || this.#closed) break
      await this.#yieldIfDue()
    }
    const all = new Set(this.#destinationOf)
    for (const destination of all) if (destination !== undefined) await this.#sendBatch(store, destination)
    for (const destination of all) await destination?.inFlight
  }

  /** Takes down the next keys that are to go, and drops what has nowhere to go. */
  #collect(store: Store, cursor: number, keys: { key: Buffer; slot: number }[]): number {
    const { records } = store
    const homeless: Ref[] = []
    const next = store.keyspace.walk(cursor, INDEX_SLOTS_PER_SLICE, (ref) => {
      records.locateKey(ref)
      const slot = keySlot(records.bytes, records.keyFrom, records.keyTo)
      if (this.#state[slot] !== IN_PASS) return
      if (this.#destinationOf[slot]!.isGone) homeless.push(ref)
      else keys.push({ key: store.copyKey(ref), slot })
    })
    for (const ref of homeless) this.#drop(store, ref)
    return next
  }

  async #addToBatch(
    store: Store,
    destination: Destination,
    key: Buffer,
    slot: number,
    ref: Ref,
  ): Promise<void> {
    const dump = dumpEntry(store, ref)
    destination.batch.push({ key, dump, slot, deadline: store.records.exactDeadline(ref), at: store.now })
    destination.bytes += key.length + dump.length
    if (destination.bytes >= BATCH_BYTES || destination.batch.length >= BATCH_ENTRIES)
      await this.#sendBatch(store, destination)
  }

  /** One batch is under way to a member at a time. */
  async #sendBatch(store: Store, destination: Destination): Promise<void> {
    const { batch, bytes } = destination
    if (batch.length === 0) return
    destination.batch = []
    destination.bytes = 0
    await destination.inFlight
    await this.#throttle(bytes)
    destination.inFlight = this.#deliver(store, destination, batch, bytes)
  }

  async #deliver(
    store: Store,
    destination: Destination,
    entries: readonly OutgoingEntry[],
    bytes: number,
  ): Promise<void> {
    const { groups, instant, send } = this.#options
    let batch = entries
    while (!destination.isGone && !this.#closed) {
      const group = groups.find((each) => each.store === store)
      if (group === undefined) break
      instant.refresh()
      batch = this.#unchanged(store, destination, batch)
      if (batch.length === 0) return
      for (const entry of batch) {
        ageDump(entry.dump, store.now - entry.at)
        entry.at = store.now
        if (group.isDisconnected) markWithoutNotifications(entry.dump)
      }
      const answer = await send(destination.name!, group, batch).catch(() => 'later' as const)
      this.sentBytes += bytes
      if (answer !== 'later') {
        this.#removeSent(store, destination, batch, answer === 'taken')
        return
      }
      await this.#wait(RETRY_MS)
    }
    this.#removeSent(store, destination, batch, false)
  }

  /** A batch without what was removed or changed since: it may have waited for long. */
  #unchanged(
    store: Store,
    destination: Destination,
    batch: readonly OutgoingEntry[],
  ): readonly OutgoingEntry[] {
    return batch.filter(({ key, slot, dump, deadline }) => {
      if (this.#destinationOf[slot] !== destination) return false
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) return false
      const isSame = isUnchanged(store, ref, dump, deadline)
      if (!isSame) this.#changed.add(slot)
      return isSame
    })
  }

  /** What was taken and is still the same goes; what was refused goes in any case. */
  #removeSent(store: Store, destination: Destination, batch: readonly OutgoingEntry[], taken: boolean): void {
    for (const { key, slot, dump, deadline } of batch) {
      if (this.#destinationOf[slot] !== destination || this.#closed) continue
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) continue
      if (!taken) this.#drop(store, ref)
      else if (isUnchanged(store, ref, dump, deadline)) {
        store.remove(ref)
        this.moved++
      } else this.#changed.add(slot)
    }
  }

  #drop(store: Store, ref: Ref): void {
    store.remove(ref)
    this.dropped++
  }

  /** The slots of which this pass has left nothing. */
  #finishPass(): Map<Destination, number[]> {
    const finished = new Map<Destination, number[]>()
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const destination = this.#destinationOf[slot]
      if (this.#state[slot] !== IN_PASS || destination === undefined) continue
      if (this.#changed.has(slot)) {
        this.#state[slot] = WAITING
        if (++this.#passes[slot] >= MAX_PASSES) this.#destinationOf[slot] = new Destination(undefined)
        continue
      }
      this.#state[slot] = FINISHED
      const slots = finished.get(destination)
      if (slots === undefined) finished.set(destination, [slot])
      else slots.push(slot)
    }
    return finished
  }

  /** The member learns that it has everything. Slots that were lost again meanwhile stay. */
  async #reportDone(destination: Destination, slots: readonly number[]): Promise<void> {
    while (!destination.isGone && !this.#closed) {
      const answer = await this.#options.done(destination.name!, slots).catch(() => 'later' as const)
      if (answer === 'taken') break
      await this.#wait(RETRY_MS)
    }
    for (const slot of slots)
      if (this.#state[slot] === FINISHED && this.#destinationOf[slot] === destination) this.#forget(slot)
    this.#resolveWaiters()
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

  async #yieldIfDue(): Promise<void> {
    const { instant, micros, pause } = this.#options
    if (micros() - this.#sliceStart < SLICE_MICROS) return
    await pause()
    instant.refresh()
    this.#sliceStart = micros()
  }

  async #throttle(bytes: number): Promise<void> {
    const { bytesPerSecond } = this.#options
    if (bytesPerSecond === 0) return
    this.#unpacedBytes += bytes
    const ms = (this.#unpacedBytes / bytesPerSecond) * 1000
    if (ms < MIN_WAIT_MS) return
    this.#unpacedBytes = 0
    await this.#wait(ms)
  }

  async #wait(ms: number): Promise<void> {
    const { instant, micros, timers } = this.#options
    await new Promise<void>((resolve) => void timers.after(ms, resolve))
    instant.refresh()
    this.#sliceStart = micros()
  }
}

// Sends batches of entries to the members that receive them.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ageDump, dumpEntry, isUnchanged, markWithoutNotifications } from '../../store/dump.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import type { Pace, PaceOptions } from './pace.ts'
import type { TransferredEntry } from './takeover.ts'
import { Tally } from './tally.ts'

/** A batch is sent once it has this many bytes or entries. */
const BATCH_BYTES = 64 * 1024
const BATCH_ENTRIES = 256
/** Time before a batch that was answered with `later` is sent again. */
const RETRY_MS = 50

export interface DeliveryOptions extends PaceOptions {
  readonly groups: readonly Group[]
  /** Sends a batch, resolves to the reply. A rejection counts as `later`, until `peerGone` is called. */
  readonly send: (
    to: string,
    group: Group,
    entries: readonly TransferredEntry[],
  ) => Promise<'taken' | 'later' | 'refused'>
}

/** The slots that are handed over. */
export interface HandedOver {
  /** To whom the entries of a slot go. */
  destinationOf(slot: number): Destination | undefined
  /** An entry of this slot was written after it was sent. */
  changed(slot: number): void
}

interface OutgoingEntry extends TransferredEntry {
  readonly slot: number
  readonly deadline: bigint
  /** The time at which the remaining lifetime in the dump was computed, ms since the epoch. */
  at: number
}

/** The member that receives entries. They are dropped if `name` is undefined or the member is gone. */
export class Destination {
  readonly name: string | undefined
  isGone: boolean
  batch: OutgoingEntry[] = []
  bytes = 0
  /** The batch in flight; never rejects. */
  inFlight: Promise<void> = Promise.resolve()

  constructor(name: string | undefined) {
    this.name = name
    this.isGone = name === undefined
  }
}

export class Delivery {
  /** Since the start: entries taken by others, entries dropped, and bytes sent. */
  moved = 0
  dropped = 0
  sentBytes = 0
  readonly sent = new Tally()
  readonly #options: DeliveryOptions
  readonly #pace: Pace
  readonly #slots: HandedOver
  #isClosed = false

  constructor(options: DeliveryOptions, pace: Pace, slots: HandedOver) {
    this.#options = options
    this.#pace = pace
    this.#slots = slots
  }

  close(): void {
    this.#isClosed = true
  }

  /** Adds an entry to the batch of its destination, and sends the batch if it is full. */
  async add(store: Store, destination: Destination, key: Buffer, slot: number, ref: Ref): Promise<void> {
    const dump = dumpEntry(store, ref)
    destination.batch.push({ key, dump, slot, deadline: store.records.exactDeadline(ref), at: store.now })
    destination.bytes += key.length + dump.length
    if (destination.bytes >= BATCH_BYTES || destination.batch.length >= BATCH_ENTRIES)
      await this.send(store, destination)
  }

  /** Sends what has been collected. At most one batch to a member is in flight. */
  async send(store: Store, destination: Destination): Promise<void> {
    const { batch, bytes } = destination
    if (batch.length === 0) return
    destination.batch = []
    destination.bytes = 0
    await destination.inFlight
    await this.#pace.throttle(bytes)
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
    while (!destination.isGone && !this.#isClosed) {
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
      await this.#pace.wait(RETRY_MS)
    }
    this.#removeSent(store, destination, batch, false)
  }

  /** The batch without entries that were removed or changed since: it may have waited for long. */
  #unchanged(
    store: Store,
    destination: Destination,
    batch: readonly OutgoingEntry[],
  ): readonly OutgoingEntry[] {
    return batch.filter(({ key, slot, dump, deadline }) => {
      if (this.#slots.destinationOf(slot) !== destination) return false
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) return false
      const isSame = isUnchanged(store, ref, dump, deadline)
      if (!isSame) this.#slots.changed(slot)
      return isSame
    })
  }

  /** Removes entries that were taken and have not changed, and all that were refused. */
  #removeSent(store: Store, destination: Destination, batch: readonly OutgoingEntry[], taken: boolean): void {
    for (const { key, slot, dump, deadline } of batch) {
      if (this.#slots.destinationOf(slot) !== destination || this.#isClosed) continue
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) continue
      if (!taken) this.drop(store, ref)
      else if (isUnchanged(store, ref, dump, deadline)) {
        if (store.records.type(ref) !== ValueType.ABSENT) this.sent.add(destination.name!, store)
        store.remove(ref)
        this.moved++
      } else this.#slots.changed(slot)
    }
  }

  drop(store: Store, ref: Ref): void {
    store.remove(ref)
    this.dropped++
  }
}

// Sends batches of entries to the members that receive them.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { ageDump, dumpEntry, isUnchanged, markWithoutNotifications } from '../../store/transfer/dump.ts'
import { isLarge, LARGE_BYTES, type PartsOutcome, type SendPart, sendInParts } from './in-parts.ts'
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
  /** Sends a part of a large collection, likewise; without it, all are sent whole. */
  readonly sendPart?: SendPart
  /** Collections with more bytes are sent in parts; by default LARGE_BYTES. */
  readonly largeBytes?: number
}

/** The slots that are handed over. */
export interface HandedOver {
  /** The destination of the entries of a slot. */
  destinationOf(slot: number): Destination | undefined
  /** An entry of this slot was written after it was sent. */
  changed(slot: number): void
}

interface OutgoingEntry extends TransferredEntry {
  readonly slot: number
  readonly deadline: bigint
  /** Of an entry whose value was sent in parts: the stamp of its collection; 0: of another one. */
  readonly stamp: number
  /** The time at which the remaining lifetime in the dump was computed, ms since the epoch. */
  at: number
}

/** The member that receives entries. */
export class Destination {
  readonly name: string | undefined
  /** Whether entries are dropped instead of sent: there is no member, it is gone, or they changed too often. */
  isGone: boolean
  batch: OutgoingEntry[] = []
  bytes = 0
  /** Ends with the last batch that was sent; never rejects. */
  inFlight: Promise<void> = Promise.resolve()

  constructor(name: string | undefined, isGone = name === undefined) {
    this.name = name
    this.isGone = isGone
  }
}

/** A large collection that is being sent. */
interface Sending {
  readonly destination: Destination
  readonly ended: Promise<void>
}

export class Delivery {
  /** Since the start: entries taken by others, entries dropped, and bytes sent. */
  moved = 0
  dropped = 0
  sentBytes = 0
  /** How many batches and parts others have taken or refused. */
  answered = 0
  readonly sent = new Tally()
  readonly #options: DeliveryOptions
  readonly #pace: Pace
  readonly #slots: HandedOver
  /** By group and key: the large collections that are being sent. */
  readonly #sending = new Map<string, Sending>()
  #isClosed = false

  constructor(options: DeliveryOptions, pace: Pace, slots: HandedOver) {
    this.#options = options
    this.#pace = pace
    this.#slots = slots
  }

  close(): void {
    this.#isClosed = true
  }

  /** Whether an entry is sent in parts. */
  isLarge(store: Store, ref: Ref): boolean {
    const { sendPart, largeBytes = LARGE_BYTES } = this.#options
    return sendPart !== undefined && isLarge(store, ref, largeBytes)
  }

  /**
   * Adds an entry to the batch of its destination, and sends the batch if it is full. A large collection is sent at once,
   * without the batch: that may be of another store.
   */
  async add(store: Store, destination: Destination, key: Buffer, slot: number, ref: Ref): Promise<void> {
    const { sendPart } = this.#options
    if (sendPart !== undefined && this.isLarge(store, ref)) {
      const name = `${this.#groupOf(store)?.name} ${key.toString('latin1')}`
      let sending = this.#sending.get(name)
      // The slot has gone to another node meanwhile.
      while (sending !== undefined && sending.destination !== destination) {
        await sending.ended
        sending = this.#sending.get(name)
      }
      if (sending === undefined) {
        const ended = this.#addLarge(store, destination, key, slot, sendPart).finally(() =>
          this.#sending.delete(name),
        )
        sending = { destination, ended }
        this.#sending.set(name, sending)
      }
      await sending.ended
      return
    }
    const entry = outgoing(store, key, slot, ref, 0)
    destination.batch.push(entry)
    destination.bytes += bytesOf(entry)
    if (destination.bytes >= BATCH_BYTES || destination.batch.length >= BATCH_ENTRIES)
      await this.send(store, destination)
  }

  /** Sends a collection in parts, then the rest of its entry (TTL, tags). Resolves when that has been answered. */
  async #addLarge(
    store: Store,
    destination: Destination,
    key: Buffer,
    slot: number,
    sendPart: SendPart,
  ): Promise<void> {
    await destination.inFlight
    const release = keepFields(store, key)
    try {
      const outcome = await sendInParts(store, key, destination.name!, {
        pace: this.#pace,
        sendPart: async (to, group, name, number, dump) => {
          this.sentBytes += dump.length
          const answer = await sendPart(to, group, name, number, dump)
          if (answer !== 'later') this.answered++
          return answer
        },
        groupOf: (each) => this.#groupOf(each),
        isMeant: () =>
          !destination.isGone && !this.#isClosed && this.#slots.destinationOf(slot) === destination,
      })
      await this.#endLarge(store, destination, key, slot, outcome)
    } finally {
      release()
    }
  }

  async #endLarge(
    store: Store,
    destination: Destination,
    key: Buffer,
    slot: number,
    outcome: PartsOutcome,
  ): Promise<void> {
    if (outcome === 'changed') this.#slots.changed(slot)
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || this.#isClosed || this.#slots.destinationOf(slot) !== destination) return
    if (outcome === 'gone' || outcome === 'refused') this.drop(store, ref)
    else if (outcome === 'kept') {
      this.#countSent(store, destination, ref)
      store.remove(ref)
      this.moved++
    } else if (outcome !== 'changed') {
      const entry = outgoing(store, key, slot, ref, outcome === 'unknown' ? 0 : outcome.parts)
      await this.#begin(store, destination, [entry], bytesOf(entry))
      await destination.inFlight
    }
  }

  /** Counts an entry that is about to be removed because another node has taken it. */
  #countSent(store: Store, { name }: Destination, ref: Ref): void {
    if (store.records.type(ref) !== ValueType.ABSENT) this.sent.add(name!, store)
  }

  #groupOf(store: Store): Group | undefined {
    return this.#options.groups.find((each) => each.store === store)
  }

  /** Sends the collected entries, which are all from one store. */
  async send(store: Store, destination: Destination): Promise<void> {
    const { batch, bytes } = destination
    if (batch.length === 0) return
    destination.batch = []
    destination.bytes = 0
    await this.#begin(store, destination, batch, bytes)
  }

  /**
   * Sends a batch when all earlier ones to its destination have been answered: at most one is in flight, and `inFlight`
   * ends with the last. Resolves when it is sent.
   */
  async #begin(
    store: Store,
    destination: Destination,
    batch: readonly OutgoingEntry[],
    bytes: number,
  ): Promise<void> {
    const begun = destination.inFlight.then(() => this.#pace.throttle(bytes))
    destination.inFlight = begun.then(() => this.#deliver(store, destination, batch, bytes))
    await begun
  }

  async #deliver(
    store: Store,
    destination: Destination,
    entries: readonly OutgoingEntry[],
    bytes: number,
  ): Promise<void> {
    const { instant, send } = this.#options
    let batch = entries
    while (!destination.isGone && !this.#isClosed) {
      const group = this.#groupOf(store)
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
        this.answered++
        this.#removeSent(store, destination, batch, answer === 'taken')
        return
      }
      await this.#pace.wait(RETRY_MS)
    }
    this.#removeSent(store, destination, batch, false)
  }

  /** The batch without entries that were removed or changed while it waited. */
  #unchanged(
    store: Store,
    destination: Destination,
    batch: readonly OutgoingEntry[],
  ): readonly OutgoingEntry[] {
    return batch.filter((entry) => {
      const { key, slot } = entry
      if (this.#slots.destinationOf(slot) !== destination) return false
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) return false
      const isSame = isSent(store, ref, entry)
      if (!isSame) this.#slots.changed(slot)
      return isSame
    })
  }

  /** Removes entries that were taken and have not changed, and all that were refused. */
  #removeSent(store: Store, destination: Destination, batch: readonly OutgoingEntry[], taken: boolean): void {
    for (const entry of batch) {
      const { key, slot } = entry
      if (this.#slots.destinationOf(slot) !== destination || this.#isClosed) continue
      const ref = store.peek(key, 0, key.length)
      if (ref === NULL_REF) continue
      if (!taken) this.drop(store, ref)
      else if (isSent(store, ref, entry)) {
        this.#countSent(store, destination, ref)
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

/** @param parts in which the value was sent before; 0: it is part of the entry */
function outgoing(store: Store, key: Buffer, slot: number, ref: Ref, parts: number): OutgoingEntry {
  const dump = dumpEntry(store, ref, parts)
  const deadline = store.records.exactDeadline(ref)
  const stamp = parts === 0 ? 0 : store.collections.stamp(ref)
  return { key, dump, slot, deadline, stamp, at: store.now }
}

function bytesOf({ key, dump }: OutgoingEntry): number {
  return key.length + dump.length
}

/** Keeps active expiry from changing a hash while it is sent, until the returned function is called. */
function keepFields(store: Store, key: Buffer): () => void {
  const ref = store.peek(key, 0, key.length)
  const isHash = ref !== NULL_REF && store.records.type(ref) === ValueType.HASH
  return isHash ? store.hashes.keepExpired(ref) : () => undefined
}

/** Whether a record still equals the entry that is or was sent. */
function isSent(store: Store, ref: Ref, { dump, deadline, stamp }: OutgoingEntry): boolean {
  if (stamp === 0) return isUnchanged(store, ref, dump, deadline)
  return store.collections.stamp(ref) === stamp && store.records.exactDeadline(ref) === deadline
}

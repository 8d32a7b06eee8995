// The pending entries of a consumer group that is read: they come before the consumers that own them.

import { millisecondsOf, type StreamId, sequenceOf, streamId } from '../../types/stream/id.ts'

const MIN_PLACES = 16

export class PendingTable {
  /** Milliseconds and sequence number of each, ascending. */
  #ids = new BigUint64Array(2 * MIN_PLACES)
  #times = new Float64Array(MIN_PLACES)
  #deliveries = new BigInt64Array(MIN_PLACES)
  #isOwned = new Uint8Array(MIN_PLACES)
  #count = 0

  clear(): void {
    this.#count = 0
  }

  /** @param id above all before it */
  add(id: StreamId, deliveredAt: bigint, deliveries: bigint): void {
    const i = this.#count++
    if (i === this.#times.length) this.#grow()
    this.#ids[2 * i] = millisecondsOf(id)
    this.#ids[2 * i + 1] = sequenceOf(id)
    this.#times[i] = Number(deliveredAt)
    this.#deliveries[i] = deliveries
    this.#isOwned[i] = 0
  }

  /** The index of an entry that has no owner, which it has from now on. -1: there is none. */
  take(id: StreamId): number {
    let low = 0
    let high = this.#count - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const own = streamId(this.#ids[2 * middle], this.#ids[2 * middle + 1])
      if (own === id) return this.#isOwned[middle]++ === 0 ? middle : -1
      if (own < id) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** When the entry with an index was last delivered, ms since the epoch, and how often it was. */
  time(i: number): number {
    return this.#times[i]
  }

  deliveries(i: number): bigint {
    return this.#deliveries[i]
  }

  #grow(): void {
    const places = 2 * this.#times.length
    const [ids, times, deliveries, isOwned] = [this.#ids, this.#times, this.#deliveries, this.#isOwned]
    this.#ids = new BigUint64Array(2 * places)
    this.#ids.set(ids)
    this.#times = new Float64Array(places)
    this.#times.set(times)
    this.#deliveries = new BigInt64Array(places)
    this.#deliveries.set(deliveries)
    this.#isOwned = new Uint8Array(places)
    this.#isOwned.set(isOwned)
  }
}

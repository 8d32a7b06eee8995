// The first reading of a dump: whether it can be restored, and how much it holds. So nothing has to be undone later.

import { hashBytes } from '../../bytes/hash.ts'
import type { StreamId } from '../types/stream/id.ts'
import type { ByteRange } from './byte-range.ts'
import type { RdbSink } from './sink.ts'
import { PendingTable } from './stream/pending-table.ts'

/** Seeds of the two halves of a hash of 64 bits. */
const SEED = [0x72646231, 0x6e616d65, 0x72646232, 0x74776963] as const

const MIN_PLACES = 64

/** What a score needs in a tree, and the deadline of a field. */
const SCORE_BYTES = 8
const DEADLINE_BYTES = 32
/** What an entry of a stream needs besides its strings; a pending entry; a stream, a group or a consumer, at most. */
const ENTRY_BYTES = 40
const PENDING_BYTES = 64
const OWN_BYTES = 1024

/**
 * Finds names that occur twice by a hash of 64 bits, in 8 bytes for each of at most twice as many places. Two different
 * names of a million have the same hash once in 30 million sets.
 */
class DistinctNames {
  /** Pairs of words; 0, 0: a free place. */
  #hashes = new Int32Array(2 * MIN_PLACES)
  #count = 0

  /** False: it was added before. */
  add({ bytes, start, end }: ByteRange): boolean {
    if (4 * this.#count >= this.#hashes.length) this.#grow()
    const a = hashBytes(bytes, start, end, SEED[0], SEED[1])
    const b = hashBytes(bytes, start, end, SEED[2], SEED[3]) || 1
    if (!this.#place(a, b)) return false
    this.#count++
    return true
  }

  #place(a: number, b: number): boolean {
    const hashes = this.#hashes
    const mask = hashes.length - 1
    let at = (2 * a) & mask
    for (; hashes[at + 1] !== 0; at = (at + 2) & mask)
      if (hashes[at] === (a | 0) && hashes[at + 1] === (b | 0)) return false
    hashes[at] = a
    hashes[at + 1] = b
    return true
  }

  clear(): void {
    if (this.#count > 0) this.#hashes.fill(0)
    this.#count = 0
  }

  #grow(): void {
    const old = this.#hashes
    this.#hashes = new Int32Array(2 * old.length)
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#place(old[at], old[at + 1])
  }
}

export class Survey implements RdbSink {
  type: 'string' | 'list' | 'set' | 'hash' | 'zset' | 'stream' = 'string'
  /** Elements, pairs counting once, and the bytes of all strings. */
  count = 0
  bytes = 0
  /** A string: still valid after the reading. */
  value: ByteRange | undefined
  /** Members, fields, or names of consumer groups. */
  readonly #names = new DistinctNames()
  /** Of the last consumer group. */
  readonly #consumers = new DistinctNames()
  readonly #pending = new PendingTable()

  string(value: ByteRange): boolean {
    this.value = value
    return true
  }

  begin(type: 'list' | 'set' | 'hash' | 'zset' | 'stream'): boolean {
    this.type = type
    return true
  }

  element(element: ByteRange): boolean {
    this.#add(element.length)
    return this.type === 'list' || this.#names.add(element)
  }

  field(field: ByteRange, value: ByteRange, deadline: number): boolean {
    this.#add(field.length + value.length)
    // A deadline is in two trees, each with the field.
    if (deadline !== 0) this.bytes += 2 * (field.length + DEADLINE_BYTES)
    return this.type === 'stream' || this.#names.add(field)
  }

  scored(member: ByteRange, _score: number): boolean {
    // A member is in two trees.
    this.#add(2 * (member.length + SCORE_BYTES))
    return this.#names.add(member)
  }

  entry(): boolean {
    this.#add(ENTRY_BYTES)
    return true
  }

  stream(): boolean {
    this.bytes += OWN_BYTES
    return true
  }

  group(name: ByteRange): boolean {
    this.#add(name.length + OWN_BYTES)
    this.#consumers.clear()
    this.#pending.clear()
    return this.#names.add(name)
  }

  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean {
    this.#add(PENDING_BYTES)
    this.#pending.add(id, deliveredAt, deliveries)
    return true
  }

  consumer(name: ByteRange): boolean {
    this.#add(name.length + OWN_BYTES)
    return this.#consumers.add(name)
  }

  owned(id: StreamId): boolean {
    return this.#pending.take(id) >= 0
  }

  #add(bytes: number): void {
    this.count++
    this.bytes += bytes
  }
}

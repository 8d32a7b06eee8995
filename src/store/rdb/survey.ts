// The first pass over a dump: checks whether it can be restored, and counts its memory, so that nothing has to be
// undone.

import { hashBytes } from '../../bytes/hash.ts'
import { PACKED_BYTES, PACKED_ELEMENTS } from '../types/collections.ts'
import { elementBytes } from '../types/list/element.ts'
import type { StreamId } from '../types/stream/id.ts'
import { isSeparate, memberBytes, stringBytes, TREE_SLACK } from '../types/tree/layout.ts'
import { SLOT_BYTES, TreeSize } from '../types/tree/size.ts'
import type { ByteRange } from './byte-range.ts'
import type { RdbSink } from './sink.ts'
import { PendingTable } from './stream/pending-table.ts'

/** Seeds of the two halves of a hash of 64 bits. */
const SEED = [0x72646231, 0x6e616d65, 0x72646232, 0x74776963] as const

const MIN_PLACES = 64

/** Bytes of an entry of a tree besides its strings: the hash of a string, a score. */
const HASH_BYTES = 4
const SCORE_BYTES = 8
/** Bytes of an element besides its strings, of a small collection and of a stream, at most. */
const ELEMENT_BYTES = 24
/** The head of a region, and the rows of the first ones. */
const REGION_BYTES = 768
/**
 * Upper bounds of the bytes of a stream's entry besides its strings, of a pending entry, and of a stream, group or
 * consumer.
 */
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
  /** Elements; pairs count once. */
  count = 0
  /** Bytes of all strings. */
  #bytes = 0
  /** The trees that a large collection needs: of its elements, of its ranking, and those of the deadlines of fields. */
  readonly #elements = new TreeSize()
  readonly #ranking = new TreeSize()
  readonly #deadlines = new TreeSize()
  readonly #deadlineRanking = new TreeSize()
  /** The value, if it is a string; valid after the survey. */
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

  /** About how many bytes the value occupies in a store, at most. */
  get storedBytes(): number {
    if (this.type === 'string') return this.value?.length ?? 0
    const packed = this.#bytes + ELEMENT_BYTES * this.count
    if (this.type === 'stream') return packed + packed / 4 + TREE_SLACK
    if (this.count <= PACKED_ELEMENTS && packed < PACKED_BYTES) return packed
    const trees = [this.#elements, this.#ranking, this.#deadlines, this.#deadlineRanking]
    const sum = trees.reduce((all, { bytes }) => all + bytes, 0)
    if (this.count > PACKED_ELEMENTS) return sum + REGION_BYTES
    // Its elements are inserted one by one, so leaves may be half empty.
    return sum + trees.reduce((all, { leafBytes }) => all + leafBytes, 0) + TREE_SLACK
  }

  element(element: ByteRange): boolean {
    const { length } = element
    this.#add(length)
    const separate = isSeparate(length) ? length : 0
    if (this.type === 'list') {
      // Other trees have a slot for each entry.
      this.#elements.add(elementBytes(element.bytes, element.start, element.end) - SLOT_BYTES, separate)
      return true
    }
    this.#elements.add(HASH_BYTES + stringBytes(length), separate)
    return this.#names.add(element)
  }

  field(field: ByteRange, value: ByteRange, deadline: number): boolean {
    this.#add(field.length + value.length)
    if (this.type === 'hash') {
      const separate =
        (isSeparate(field.length) ? field.length : 0) + (isSeparate(value.length) ? value.length : 0)
      this.#elements.add(HASH_BYTES + stringBytes(field.length) + stringBytes(value.length), separate)
      if (deadline !== 0) this.#addMember(this.#deadlines, this.#deadlineRanking, field.length)
    }
    return this.type === 'stream' || this.#names.add(field)
  }

  scored(member: ByteRange, _score: number): boolean {
    this.#add(member.length + SCORE_BYTES)
    this.#addMember(this.#elements, this.#ranking, member.length)
    return this.#names.add(member)
  }

  entry(): boolean {
    this.#add(ENTRY_BYTES)
    return true
  }

  stream(): boolean {
    this.#bytes += OWN_BYTES
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
    this.#bytes += bytes
  }

  /** A member with a score is in two trees, which share its page if it is long. */
  #addMember(table: TreeSize, ranking: TreeSize, length: number): void {
    const bytes = memberBytes(length)
    table.add(HASH_BYTES + SCORE_BYTES + bytes)
    ranking.add(SCORE_BYTES + bytes, bytes < length ? length : 0)
  }
}

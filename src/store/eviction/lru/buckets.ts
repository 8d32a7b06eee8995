// Records in buckets by the age of their stamps.

import { NULL_REF, type Ref } from '../../arena.ts'
import { allocateMemory, dropMemory } from '../../store-memory.ts'

/** About so many records are in a bucket of a small store; a large one has this many buckets. */
const RECORDS = 64
const MAX_BUCKETS = 2048
/** Ages of a sample for each bucket. */
const SAMPLED = 2
/** A bucket is a chain of chunks of this many records. A place is the number of a chunk and an index. */
const CHUNK_BITS = 4
const CHUNK = 1 << CHUNK_BITS
/** Chunks are numbered from 1 on. */
const NO_CHUNK = 0
/** Ages are divided into equal cells, so that a search for a bucket is short. */
const CELL_BITS = 11
const CELLS = 1 << CELL_BITS

/** The size of a sample that divides so many records. */
export function sampleSize(records: number): number {
  return SAMPLED * Math.max(1, Math.min(MAX_BUCKETS, Math.floor(records / RECORDS)))
}

export class Buckets {
  readonly count: number
  readonly #memory: { bytes: number }
  readonly #bytes: number
  /** The places of all chunks: a record, or `NULL_REF` where it is no longer. */
  readonly #refs: Int32Array
  /** By chunk: the next one of its bucket. */
  readonly #next: Int32Array
  #chunks = 0
  readonly #first: Int32Array
  readonly #last: Int32Array
  readonly #lengths: Int32Array
  /** The least age in each bucket. The first one has the oldest records, the last one those from age 0 on. */
  readonly #bounds: Int32Array
  /** By cell: the first bucket that has its least age. */
  readonly #cells = new Uint16Array(CELLS + 1)
  readonly #cellShift: number

  /**
   * @param ages those of a sample, in ascending order
   * @param records how many records will be added, at most
   */
  constructor(ages: Int32Array, records: number, memory: { bytes: number }) {
    const count = Math.max(1, Math.floor(ages.length / SAMPLED))
    const chunks = 1 + Math.ceil(records / CHUNK) + count
    this.count = count
    this.#refs = new Int32Array(allocateMemory(4 * chunks * CHUNK))
    this.#next = new Int32Array(allocateMemory(4 * chunks))
    this.#first = new Int32Array(count)
    this.#last = new Int32Array(count)
    this.#lengths = new Int32Array(count)
    this.#bounds = Int32Array.from({ length: count }, (_, i) =>
      i === count - 1 ? 0 : ages[Math.floor((ages.length * (count - 1 - i)) / count)],
    )
    this.#cellShift = Math.max(0, 32 - Math.clz32(this.#bounds[0]) - CELL_BITS)
    for (let cell = 0, bucket = count - 1; cell <= CELLS; cell++) {
      while (bucket > 0 && this.#bounds[bucket - 1] <= cell * 2 ** this.#cellShift) bucket--
      this.#cells[cell] = bucket
    }
    this.#memory = memory
    this.#bytes = this.#refs.byteLength + this.#next.byteLength
    memory.bytes += this.#bytes
  }

  /** Returns the record's place, at least 0. */
  add(ref: Ref, age: number): number {
    const cell = Math.min(age >>> this.#cellShift, CELLS)
    let bucket = cell === CELLS ? 0 : this.#cells[cell + 1]
    for (let high = this.#cells[cell]; bucket < high; ) {
      const middle = (bucket + high) >>> 1
      if (age >= this.#bounds[middle]) high = middle
      else bucket = middle + 1
    }
    const index = this.#lengths[bucket]++ & (CHUNK - 1)
    if (index === 0) this.#addChunk(bucket)
    const place = (this.#last[bucket] << CHUNK_BITS) | index
    this.#refs[place] = ref
    return place
  }

  /** The record at any number: not a reference at one that is no place. */
  get(place: number): number | undefined {
    return this.#refs[place]
  }

  set(place: number, ref: Ref): void {
    this.#refs[place] = ref
  }

  /** Places of a bucket, those included where there is no record any more. */
  lengthOf(bucket: number): number {
    return this.#lengths[bucket]
  }

  /** Visits the places of a bucket that have a record. */
  forEachIn(bucket: number, visit: (place: number, ref: Ref) => void): void {
    let left = this.#lengths[bucket]
    for (let chunk = this.#first[bucket]; chunk !== NO_CHUNK; chunk = this.#next[chunk], left -= CHUNK) {
      const start = chunk << CHUNK_BITS
      for (let place = start; place < start + Math.min(left, CHUNK); place++)
        if (this.#refs[place] !== NULL_REF) visit(place, this.#refs[place] as Ref)
    }
  }

  forEach(visit: (place: number, ref: Ref) => void): void {
    for (let bucket = 0; bucket < this.count; bucket++) this.forEachIn(bucket, visit)
  }

  /** They are not needed any more. */
  free(): void {
    this.#memory.bytes -= this.#bytes
    dropMemory(this.#bytes)
  }

  #addChunk(bucket: number): void {
    const chunk = ++this.#chunks
    if (this.#first[bucket] === NO_CHUNK) this.#first[bucket] = chunk
    else this.#next[this.#last[bucket]] = chunk
    this.#last[bucket] = chunk
  }
}

// Hashes: pairs of field and value, packed while they are small, then a tree in the order of the hashes of the fields.

import type { Ref } from '../arena.ts'
import {
  COUNT_WORD,
  type Collections,
  LARGE,
  PACKED_BYTES,
  PACKED_ELEMENTS,
  PACKED_STRING,
} from './collections.ts'
import { type DeadlineCondition, holds } from './hash/deadline-condition.ts'
import { FieldDeadlines } from './hash/field-deadlines.ts'
import { FieldExpiry } from './hash/field-expiry.ts'
import { PairTree } from './hash/pair-tree.ts'
import {
  findPacked,
  PACKED_HEADER_BYTES,
  packedBytes,
  packedCount,
  readPacked,
  setPackedCount,
  skipString,
  writePacked,
} from './packed.ts'
import { Span } from './span.ts'
import type { StringList } from './string-list.ts'

/** A flag beside `LARGE`: a field has, or had, a deadline. Redis calls the compact encoding of such a hash `listpackex`. */
const TIMED = 2

/** The outcome of `expire`, by Redis's numbers. */
export const ExpireOutcome = { NO_FIELD: -2, UNCHANGED: 0, SET: 1, REMOVED: 2 } as const
export type ExpireOutcome = (typeof ExpireOutcome)[keyof typeof ExpireOutcome]

/**
 * The most bytes of a packed hash, and the longest of its strings, while it is a `listpack` to Redis: such a hash has its
 * fields in the order in which they came.
 */
const COMPACT_BYTES = 128 * 1024
const COMPACT_STRING = 0xffff

/** Calls that change a hash return its record, possibly moved. Expired fields are not there, though they may not be removed yet. */
export class Hashes {
  /** The field that `seek` and `next` have read. */
  readonly field: Span = new Span()
  /** The value that `get`, `seek` and `next` have read. */
  readonly value: Span
  /** Whether the last `set` or `remove` found its field. */
  found = false
  /** The outcome of the last `expire`. */
  outcome: ExpireOutcome = ExpireOutcome.NO_FIELD
  /** The argument of `expire`, and the result of `hasDeadline`: milliseconds since the epoch. */
  readonly deadline: Float64Array
  readonly #parts: Collections
  /** The region that is being walked; 0: a packed hash, whose next pair is at `#at`. */
  #region = 0
  #at = 0
  #left = 0
  /** Whether the walk must skip expired fields. */
  #skips = false
  readonly #pairs: PairTree
  readonly #deadlines: FieldDeadlines
  readonly #expiry: FieldExpiry

  constructor(parts: Collections) {
    this.#parts = parts
    this.value = parts.span
    const pairs = new PairTree(parts)
    const deadlines = new FieldDeadlines(parts)
    this.#pairs = pairs
    this.#deadlines = deadlines
    this.#expiry = new FieldExpiry(parts, pairs, deadlines)
    this.deadline = deadlines.deadline
  }

  length(ref: Ref): number {
    const { regions, records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region === 0) return packedCount(records)
    const count = regions.head(region, COUNT_WORD)
    return regions.isMarked(region) ? count - this.#deadlines.countDue(region) : count
  }

  /** The number of pairs, including expired fields that are not removed yet. */
  storedLength(ref: Ref): number {
    return this.#parts.length(ref)
  }

  /** Reads the value of a field into `value`. False: there is none. */
  get(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const { records, tree } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region === 0) {
      const at = findPacked(records, true, bytes, start, end)
      if (at < 0) return false
      readPacked(records, skipString(records.bytes, at), this.value)
      return true
    }
    const valueAt = this.#pairs.find(region, bytes, start, end)
    if (valueAt === 0 || this.#isDue(region, bytes, start, end)) return false
    tree.readString(valueAt, this.value)
    return true
  }

  /** Sets a field, without a deadline, or with the one that it has. */
  set(
    ref: Ref,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    keepsDeadline = false,
  ): Ref {
    const { limits, regions } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (regions.marked !== 0) this.#expiry.clearDeadline(region, field, fieldStart, fieldEnd, keepsDeadline)
    const moved =
      region === 0
        ? this.#setPacked(ref, field, fieldStart, fieldEnd, value, valueStart, valueEnd)
        : this.#setPaged(ref, region, field, fieldStart, fieldEnd, value, valueStart, valueEnd)
    const most = limits.hashMaxListpackValue
    if (
      fieldEnd - fieldStart > most ||
      valueEnd - valueStart > most ||
      (!this.found && this.length(moved) > limits.hashMaxListpackEntries)
    )
      this.#parts.setLarge(moved, true)
    return moved
  }

  /**
   * Adds pairs of distinct fields, more than PACKED_ELEMENTS, to a new hash.
   *
   * @param deadlines of the fields, 0: none; `undefined`: no field has one
   */
  load(ref: Ref, fields: StringList, values: StringList, deadlines: Float64Array | undefined): Ref {
    const parts = this.#parts
    const { limits } = parts
    const { count } = fields
    const longest = Math.max(fields.longest, values.longest)
    const isTable = longest > limits.hashMaxListpackValue || count > limits.hashMaxListpackEntries
    parts.setFlags(ref, (isTable ? LARGE : 0) | (deadlines === undefined ? 0 : TIMED))
    const paged = parts.page(ref)
    const region = parts.regionOf(paged)
    this.#pairs.load(region, fields, values)
    if (deadlines !== undefined) this.#deadlines.load(region, fields, deadlines)
    return paged
  }

  /** Removes a field, if there is one. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      this.#expiry.clearDeadline(region, bytes, start, end, false)
      this.found = this.#pairs.remove(region, bytes, start, end)
      return this.found ? this.#parts.begin(ref) : ref
    }
    const from = findPacked(records, true, bytes, start, end)
    this.found = from >= 0
    if (!this.found) return ref
    const to = skipString(records.bytes, skipString(records.bytes, from))
    return this.#parts.cut(ref, from, to, 1)
  }

  /**
   * Reads the pair with a rank, which is arbitrary but stable while the hash is not changed. False: there is none.
   *
   * @param isStored whether expired fields that are not removed yet count: only then ranks are the same while time passes
   */
  seek(ref: Ref, rank: number, isStored = false): boolean {
    const { records } = this.#parts
    this.#region = this.#parts.regionOf(ref)
    if (this.#region !== 0) {
      this.#skips = !isStored && this.#deadlines.countDue(this.#region) !== 0
      if (!this.#pairs.open(this.#region).seekRank(this.#skips ? 0 : rank)) return false
      this.#pairs.read(this.field, this.value)
      if (!this.#skips) return true
      let is = !this.#isWalkedDue() || this.next()
      for (let i = 0; is && i < rank; i++) is = this.next()
      return is
    }
    const count = packedCount(records)
    if (rank >= count) return false
    this.#left = count - rank
    this.#at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < 2 * rank; i++) this.#at = skipString(records.bytes, this.#at)
    return this.next()
  }

  /** Reads the next pair. The hash must not have changed since `seek`. False: there is none. */
  next(): boolean {
    const { records, tree } = this.#parts
    if (this.#region !== 0) {
      do {
        if (!tree.next()) return false
        this.#pairs.read(this.field, this.value)
      } while (this.#skips && this.#isWalkedDue())
      return true
    }
    if (this.#left === 0) return false
    this.#left--
    this.#at = readPacked(records, this.#at, this.field)
    this.#at = readPacked(records, this.#at, this.value)
    return true
  }

  /** Visits pairs as `Tree.scan` does, those of a compact or packed hash at once. `visit` must not change the hash. */
  scan(ref: Ref, cursor: number, limit: number, visit: () => void): number {
    // As Redis, which has no cursors for its compact encoding.
    const isWhole = !this.#parts.isLarge(ref) || this.#parts.regionOf(ref) === 0
    if (isWhole) {
      for (let is = this.seek(ref, 0); is; is = this.next()) visit()
      return 0
    }
    this.#region = this.#parts.regionOf(ref)
    this.#skips = this.#deadlines.countDue(this.#region) !== 0
    return this.#pairs.open(this.#region).scan(cursor, limit, () => {
      this.#pairs.read(this.field, this.value)
      if (!this.#skips || !this.#isWalkedDue()) visit()
    })
  }

  /**
   * Sets the deadline of a field to `deadline[0]`, where the condition holds; see `outcome`. A deadline that is over
   * removes the field.
   */
  expire(ref: Ref, bytes: Uint8Array, start: number, end: number, condition: DeadlineCondition): Ref {
    const deadline = this.deadline[0]
    if (!this.get(ref, bytes, start, end)) {
      this.outcome = ExpireOutcome.NO_FIELD
      return ref
    }
    const old = this.hasDeadline(ref, bytes, start, end) ? this.deadline[0] : Number.NaN
    if (!holds(condition, deadline, old)) {
      this.outcome = ExpireOutcome.UNCHANGED
      return ref
    }
    if (deadline <= this.#parts.store.nowCell[0]) {
      this.outcome = ExpireOutcome.REMOVED
      return this.remove(ref, bytes, start, end)
    }
    this.outcome = ExpireOutcome.SET
    const paged = this.#parts.regionOf(ref) === 0 ? this.#pairs.page(ref) : ref
    this.#parts.setFlags(paged, this.#parts.flags(paged) | TIMED)
    this.deadline[0] = deadline
    this.#deadlines.set(this.#parts.regionOf(paged), bytes, start, end)
    return this.#parts.begin(paged)
  }

  /** Whether a field, which is there, has a deadline; that is in `deadline[0]`. */
  hasDeadline(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const region = this.#parts.regionOf(ref)
    return region !== 0 && this.#deadlines.find(region, bytes, start, end)
  }

  /** Whether any field has a deadline. */
  hasDeadlines(ref: Ref): boolean {
    const region = this.#parts.regionOf(ref)
    return region !== 0 && this.#deadlines.count(region) > 0
  }

  /** Removes the deadline of a field. False: it had none. */
  persist(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const region = this.#parts.regionOf(ref)
    return region !== 0 && this.#deadlines.remove(region, bytes, start, end)
  }

  /** Whether all fields are expired: then the hash does not exist. */
  isSpent(ref: Ref): boolean {
    return this.#expiry.isSpent(this.#parts.regionOf(ref))
  }

  /**
   * A step of active expiry: looks at the next `regions` regions, and removes expired fields. Returns how many.
   *
   * @param remove removes a record: its last field has expired
   */
  sweep(regions: number, remove: (ref: Ref) => void): number {
    return this.#expiry.sweep(regions, remove)
  }

  /** Until the returned function is called, active expiry leaves the fields of a hash where they are. */
  keepExpired(ref: Ref): () => void {
    return this.#expiry.keep(this.#parts.regionOf(ref))
  }

  /** Removes expired fields of a hash that is not spent, at least one if there is one, and notes the change. */
  dropDue(ref: Ref): void {
    if (this.#expiry.dropDue(this.#parts.regionOf(ref))) this.#parts.store.noteChange(ref)
  }

  /** Throws when the trees of a hash contradict each other. Returns the pages that they use. For tests. */
  verify(ref: Ref): number {
    const region = this.#parts.regionOf(ref)
    return region === 0 ? 0 : this.#pairs.verify(region) + this.#deadlines.verify(region)
  }

  #isDue(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#parts.regions.isMarked(region) && this.#deadlines.isDue(region, bytes, start, end)
  }

  /** Whether the field that was read is expired. */
  #isWalkedDue(): boolean {
    const { bytes, start, end } = this.field
    return this.#deadlines.isDue(this.#region, bytes, start, end)
  }

  #setPacked(
    ref: Ref,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): Ref {
    const { limits, records, store } = this.#parts
    const length = records.valueEnd - records.valueStart
    const count = packedCount(records)
    const fieldLength = fieldEnd - fieldStart
    const valueLength = valueEnd - valueStart
    const found = findPacked(records, true, field, fieldStart, fieldEnd)
    this.found = found >= 0
    // From here on the value is replaced, or the pair is added.
    let at = length
    let old = 0
    let size = packedBytes(valueLength)
    if (found >= 0) {
      const from = skipString(records.bytes, found)
      at = from - records.valueStart
      old = skipString(records.bytes, from) - from
    } else size += packedBytes(fieldLength)
    const isFull = found < 0 && count >= PACKED_ELEMENTS
    const longest = Math.max(fieldLength, valueLength)
    const isCompact =
      longest <= limits.hashMaxListpackValue &&
      (found >= 0 || count < limits.hashMaxListpackEntries) &&
      (this.#parts.locatedFlags & LARGE) === 0
    if (
      isFull ||
      longest > (isCompact ? COMPACT_STRING : PACKED_STRING) ||
      length + size - old > (isCompact ? COMPACT_BYTES : PACKED_BYTES)
    ) {
      const paged = this.#pairs.page(ref)
      const region = this.#parts.regionOf(paged)
      return this.#setPaged(paged, region, field, fieldStart, fieldEnd, value, valueStart, valueEnd)
    }
    const moved = store.splice(ref, at, old, size)
    let to = records.valueStart + at
    if (found < 0) {
      to = writePacked(records, to, field, fieldStart, fieldEnd)
      setPackedCount(records, count + 1)
    }
    writePacked(records, to, value, valueStart, valueEnd)
    return moved
  }

  #setPaged(
    ref: Ref,
    region: number,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): Ref {
    const own = this.#parts.begin(ref)
    this.found = this.#pairs.set(region, field, fieldStart, fieldEnd, value, valueStart, valueEnd)
    return own
  }
}

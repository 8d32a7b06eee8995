// Hashes: pairs of field and value, packed while they are small, then a tree in the order of the hashes of the fields.

import type { Ref } from '../arena.ts'
import { orderOfHashes } from './bulk/hash-order.ts'
import { COUNT_WORD, type Collections, PACKED_BYTES, PACKED_ELEMENTS, PACKED_STRING } from './collections.ts'
import { FieldDeadlines } from './field-deadlines.ts'
import {
  contentStart,
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
import { stringBytes, TreeKind } from './tree/layout.ts'

/** A flag: OBJECT ENCODING says `hashtable`, and not `listpack`. */
const TABLE = 1
/** A flag: a field has, or had, a deadline. Redis calls the compact encoding of such a hash `listpackex`. */
const TIMED = 2

/** Expired fields that are removed at most when a hash is changed, and in a step of active expiry. */
const PURGED_BY_CHANGE = 16
const PURGED_BY_SWEEP = 256

/** Which deadlines of fields `expire` replaces. */
export type DeadlineCondition = 'nx' | 'xx' | 'gt' | 'lt' | undefined

/** What `expire` has done, in Redis's numbers. */
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
  /** What the last `expire` has done. */
  outcome: ExpireOutcome = ExpireOutcome.NO_FIELD
  /** The argument of `expire`, and the result of `hasDeadline`: milliseconds since the epoch. */
  readonly deadline: Float64Array
  readonly #parts: Collections
  /** The region that is being walked; 0: a packed hash, whose next pair is at `#at`. */
  #region = 0
  #at = 0
  #left = 0
  /** The walk must skip expired fields. */
  #skips = false
  readonly #deadlines: FieldDeadlines
  /** The region that was last looked at for expired fields. */
  #swept = 0
  /** Regions that `sweep` leaves out. */
  readonly #kept = new Set<number>()

  constructor(parts: Collections) {
    this.#parts = parts
    this.value = parts.span
    this.#deadlines = new FieldDeadlines(parts)
    this.deadline = this.#deadlines.deadline
  }

  length(ref: Ref): number {
    const { regions, records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region === 0) return packedCount(records)
    const count = regions.head(region, COUNT_WORD)
    return regions.isMarked(region) ? count - this.#deadlines.countDue(region) : count
  }

  /** With the expired fields that are not removed yet. */
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
    const valueAt = this.#find(region, bytes, start, end)
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
    if (regions.marked !== 0) this.#clearDeadline(region, field, fieldStart, fieldEnd, keepsDeadline)
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
      this.#parts.setFlags(moved, this.#parts.flags(moved) | TABLE)
    return moved
  }

  /**
   * Adds pairs of distinct fields, more than PACKED_ELEMENTS, to a new hash.
   *
   * @param deadlines of the fields, 0: none; `undefined`: no field has one
   */
  load(ref: Ref, fields: StringList, values: StringList, deadlines: Float64Array | undefined): Ref {
    const parts = this.#parts
    const { limits, tree } = parts
    const { count } = fields
    const longest = Math.max(fields.longest, values.longest)
    const isTable = longest > limits.hashMaxListpackValue || count > limits.hashMaxListpackEntries
    parts.setFlags(ref, (isTable ? TABLE : 0) | (deadlines === undefined ? 0 : TIMED))
    const paged = parts.page(ref)
    const region = parts.regionOf(paged)
    tree.open(region, TreeKind.HASH)
    const hashes = parts.hashesOf(fields)
    for (const i of orderOfHashes(hashes)) {
      tree.key[0] = hashes[i]
      const fieldStart = fields.starts[i]
      const fieldEnd = fields.ends[i]
      const valueStart = values.starts[i]
      const valueEnd = values.ends[i]
      tree.append(stringBytes(fieldEnd - fieldStart) + stringBytes(valueEnd - valueStart))
      const at = tree.writeString(tree.stringsAt, fields.bytes, fieldStart, fieldEnd)
      tree.writeString(at, values.bytes, valueStart, valueEnd)
    }
    tree.endAppending()
    if (deadlines !== undefined) this.#deadlines.load(region, fields, deadlines)
    return paged
  }

  /** Removes a field, if there is one. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records, tree } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      this.#clearDeadline(region, bytes, start, end, false)
      this.found = this.#find(region, bytes, start, end) !== 0
      if (!this.found) return ref
      tree.remove()
      return this.#parts.begin(ref)
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
    const { records, tree } = this.#parts
    this.#region = this.#parts.regionOf(ref)
    if (this.#region !== 0) {
      this.#skips = !isStored && this.#deadlines.countDue(this.#region) !== 0
      tree.open(this.#region, TreeKind.HASH)
      if (!tree.seekRank(this.#skips ? 0 : rank)) return false
      this.#readPair()
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
        this.#readPair()
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
    const { tree } = this.#parts
    // As Redis, which has no cursors for its compact encoding.
    const isWhole = (this.#parts.flags(ref) & TABLE) === 0 || this.#parts.regionOf(ref) === 0
    if (isWhole) {
      for (let is = this.seek(ref, 0); is; is = this.next()) visit()
      return 0
    }
    this.#region = this.#parts.regionOf(ref)
    this.#skips = this.#deadlines.countDue(this.#region) !== 0
    tree.open(this.#region, TreeKind.HASH)
    return tree.scan(cursor, limit, () => {
      this.#readPair()
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
    const paged = this.#parts.regionOf(ref) === 0 ? this.#page(ref) : ref
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
    const { regions } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region === 0 || !regions.isMarked(region)) return false
    return this.#deadlines.countDue(region) === regions.head(region, COUNT_WORD)
  }

  /**
   * A step of active expiry: looks at the next `regions` regions, and removes expired fields. Returns how many.
   *
   * @param remove removes a record: its last field has expired
   */
  sweep(regions: number, remove: (ref: Ref) => void): number {
    const { regions: all } = this.#parts
    let removed = 0
    for (let left = regions; left > 0 && all.marked !== 0 && removed < PURGED_BY_SWEEP; left--) {
      this.#swept = all.following(this.#swept)
      if (!all.isMarked(this.#swept) || this.#kept.has(this.#swept)) continue
      const gone = this.#purge(this.#swept, PURGED_BY_SWEEP - removed)
      removed += gone
      if (all.head(this.#swept, COUNT_WORD) === 0) remove(all.record(this.#swept))
      else if (gone > 0) this.#parts.store.noteChange(all.record(this.#swept))
    }
    return removed
  }

  /** Until the returned function is called, active expiry leaves the fields of a hash where they are. */
  keepExpired(ref: Ref): () => void {
    const region = this.#parts.regionOf(ref)
    this.#kept.add(region)
    return () => void this.#kept.delete(region)
  }

  /** Removes expired fields of a hash that is not spent, at least one if there is one, and notes the change. */
  dropDue(ref: Ref): void {
    const region = this.#parts.regionOf(ref)
    if (region === 0 || !this.#parts.regions.isMarked(region)) return
    if (this.#purge(region, PURGED_BY_SWEEP) > 0) this.#parts.store.noteChange(ref)
  }

  /** Throws when the trees of a hash contradict each other. Returns the pages that they use. For tests. */
  verify(ref: Ref): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return 0
    this.#parts.tree.open(region, TreeKind.HASH)
    return this.#parts.tree.verify() + this.#deadlines.verify(region)
  }

  /** Removes up to `most` expired fields. Returns how many. */
  #purge(region: number, most: number): number {
    let removed = 0
    for (; removed < most; removed++) {
      const field = this.#deadlines.firstDue(region)
      if (field === undefined) break
      this.#deadlines.remove(region, field, 0, field.length)
      if (this.#find(region, field, 0, field.length) === 0) throw new Error('a deadline has no field')
      this.#parts.tree.remove()
    }
    if (removed > 0) this.#parts.regions.stamp(region)
    return removed
  }

  /** Before a field is changed: its deadline goes, unless it is kept; if the field is expired, it goes too. */
  #clearDeadline(region: number, bytes: Uint8Array, start: number, end: number, isKept: boolean): void {
    if (!this.#parts.regions.isMarked(region)) return
    this.#purge(region, PURGED_BY_CHANGE)
    if (this.#isDue(region, bytes, start, end)) {
      this.#find(region, bytes, start, end)
      this.#parts.tree.remove()
    } else if (isKept) return
    this.#deadlines.remove(region, bytes, start, end)
  }

  #isDue(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#parts.regions.isMarked(region) && this.#deadlines.isDue(region, bytes, start, end)
  }

  /** Whether the field that was read is expired. */
  #isWalkedDue(): boolean {
    const { bytes, start, end } = this.field
    return this.#deadlines.isDue(this.#region, bytes, start, end)
  }

  #readPair(): void {
    const { tree } = this.#parts
    tree.readString(tree.readString(tree.stringsAt, this.field), this.value)
  }

  /**
   * Goes to a field in the tree, and returns where its value is; 0: there is no such field, and the position is where it
   * belongs.
   */
  #find(region: number, bytes: Uint8Array, start: number, end: number): number {
    const { store, tree } = this.#parts
    tree.open(region, TreeKind.HASH)
    return tree.seekString(store.hashOf(bytes, start, end), bytes, start, end) ? tree.secondAt : 0
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
      (this.#parts.flags(ref) & TABLE) === 0
    if (
      isFull ||
      longest > (isCompact ? COMPACT_STRING : PACKED_STRING) ||
      length + size - old > (isCompact ? COMPACT_BYTES : PACKED_BYTES)
    ) {
      const paged = this.#page(ref)
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
    const { tree } = this.#parts
    const own = this.#parts.begin(ref)
    const valueAt = this.#find(region, field, fieldStart, fieldEnd)
    this.found = valueAt !== 0
    if (valueAt !== 0) {
      if (tree.overwriteString(valueAt, value, valueStart, valueEnd)) return own
      tree.remove()
      tree.seekHash()
    }
    this.#insert(field, fieldStart, fieldEnd, value, valueStart, valueEnd)
    return own
  }

  /** Inserts a pair at the position of the tree. */
  #insert(
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const { tree } = this.#parts
    tree.insert(stringBytes(fieldEnd - fieldStart) + stringBytes(valueEnd - valueStart))
    const at = tree.writeString(tree.stringsAt, field, fieldStart, fieldEnd)
    tree.writeString(at, value, valueStart, valueEnd)
  }

  /** Moves a packed hash into a region. */
  #page(ref: Ref): Ref {
    const { store, tree } = this.#parts
    const moving = store.copyValue(ref)
    const paged = this.#parts.page(ref)
    tree.open(this.#parts.regionOf(paged), TreeKind.HASH)
    for (let at = PACKED_HEADER_BYTES; at < moving.length; ) {
      const field = skipString(moving, at)
      const value = skipString(moving, field)
      const fieldStart = contentStart(moving, at)
      tree.key[0] = store.hashOf(moving, fieldStart, field)
      tree.seekHash()
      this.#insert(moving, fieldStart, field, moving, contentStart(moving, field), value)
      at = value
    }
    return paged
  }
}

/** Whether a field with the deadline `old` (NaN: none, which is later than any) may get `deadline`. */
function holds(condition: DeadlineCondition, deadline: number, old: number): boolean {
  if (condition === 'nx') return Number.isNaN(old)
  if (condition === 'xx') return !Number.isNaN(old)
  if (condition === 'gt') return deadline > old
  return condition !== 'lt' || !(deadline >= old)
}

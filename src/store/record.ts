// The layout of a record inside its block of the arena. One file: constants that another module imports are loaded
// anew wherever they are used, which makes a lookup 3 to 5 % slower.

import { type Arena, OWNER_SHIFT, type Ref, UNIT_BYTES } from './arena.ts'
import type { EntryTags } from './validity/tags.ts'

/*
 * A record is one block:
 *
 *   w0 | TAGS 31–30 | NOTED 29 | RAW 28 | WIDE 27 | LOADED 26 | EXPIRES 25 | type 24–22 | the arena's: 21–0 |   w = Int32 word
 *   w1 | 31 …… 12: second of the last access | 11 …… 8: slack | 7 …… 0: key length  |
 *   w2, w3 | the eviction policy's                                                  |
 *   WIDE:    key length, value length          (key above 255 bytes, or slack above 15)
 *   EXPIRES: deadline, ms since the epoch      (low word, high word)
 *   LOADED:  when the origin gave it, ms since the epoch (low, high); how long that took, ms; with NOTED: ms before
 *            the deadline from which a read looks closer
 *   NOTED:   ms after the deadline: served while loaded anew, served when that fails, kept; bytes of notes
 *   TAGS:    from when on their invalidation counts (low, high); hashes of tags: 2, 6 or 16, of which 0 is none
 *   notes, in whole units; key bytes, value bytes, slack
 *
 * Slack is what is left of the last unit (and of a rest too small to be a free block), so the length of the
 * value follows from the size of the block. A 16-byte key with a 32-byte value takes 64 bytes and its index slot.
 */

/** What a record holds. `ABSENT` remembers that the origin has no such key. */
export const ValueType = { STRING: 1, ABSENT: 7 } as const
export type ValueType = (typeof ValueType)[keyof typeof ValueType]

const TYPE_SHIFT = OWNER_SHIFT
const TYPE_MASK = 7
/** The record has a place for a deadline; 0 there: none. */
export const EXPIRES = 1 << (OWNER_SHIFT + 3)
/** The record came from the origin. */
export const LOADED = 1 << (OWNER_SHIFT + 4)
/** It is kept for a while after its deadline; only together with `EXPIRES` and `LOADED`. */
export const FRESHNESS = 1 << (OWNER_SHIFT + 7)
/** The record carries tags: the size of their place, see `tagFlags`. */
export const TAGS: number = 3 << (OWNER_SHIFT + 8)
const TAGS_SHIFT = OWNER_SHIFT + 8
/** Bytes of the place by its size. */
const TAG_BYTES = [0, 16, 32, 72] as const
const WIDE = 1 << (OWNER_SHIFT + 5)
const RAW = 1 << (OWNER_SHIFT + 6)

/** The lowest of these flags. */
const EXTENSION_SHIFT = OWNER_SHIFT + 3
const HEADER_BYTES = 16
const MAX_NARROW_KEY = 255
const MAX_SLACK = 15
const SECOND_SHIFT = 12
/** Seconds of access wrap after 12 days. */
export const SECOND_MASK = 0xfffff
const TWO_32 = 2 ** 32
const MAX_HIGH_WORD = 0x7fffffff

/** Offset of the two words that belong to the eviction policy. */
export const EVICTION_WORDS = 2

/** The largest record, just below 2 GiB: lengths are int32. */
export const MAX_UNITS = 2 ** 28 - 1

/**
 * The fields of `NOTED` follow those of `WIDE`, `EXPIRES` and `LOADED`, of which the last two are always there; the
 * first one is in the word that `LOADED` leaves over.
 */
const FRESHNESS_BYTES = 16
const FRESHNESS_OFFSET = 9
/** Word offsets from the first of them. */
const REFRESH_AHEAD = 0
const STALE_WHILE_REVALIDATE = 1
const STALE_IF_ERROR = 2
const RETENTION = 3
const VALIDATOR_LENGTH = 4
/** The most ms that such a field can hold. */
export const MAX_WINDOW_MS = 2 ** 31 - 1

/** For how long, in ms, a record with `NOTED` is of use before and after its deadline; cells, as boxed numbers are garbage. */
export class FreshnessWindows {
  /** Before the deadline: from when a read looks whether to load it anew. */
  refreshAhead = 0
  /** After it: served while it is loaded anew; served when that fails; kept, at least as long as the others. */
  staleWhileRevalidate = 0
  staleIfError = 0
  retention = 0
}

/** Flags of `EXPIRES` and above make the extension: bytes of it by these bits. */
const EXTENSIONS = Uint8Array.from({ length: 1 << (32 - EXTENSION_SHIFT) }, (_, i) => {
  const w0 = i << EXTENSION_SHIFT
  return (
    ((w0 & WIDE) === 0 ? 0 : 8) +
    ((w0 & EXPIRES) === 0 ? 0 : 8) +
    ((w0 & LOADED) === 0 ? 0 : 16) +
    ((w0 & FRESHNESS) === 0 ? 0 : FRESHNESS_BYTES) +
    ((w0 & TAGS) === 0 ? 0 : TAG_BYTES[w0 >>> TAGS_SHIFT])
  )
})

/** Bytes between the header and the key, or the notes. */
function extension(w0: number): number {
  return EXTENSIONS[w0 >>> EXTENSION_SHIFT]
}

/** The flags of a record with so many tags, at most `MAX_TAGS`. */
export function tagFlags(count: number): number {
  return (count === 0 ? 0 : count <= 2 ? 1 : count <= 6 ? 2 : 3) << TAGS_SHIFT
}

/** Notes are kept in whole units: a key begins at one. */
function paddedValidator(length: number): number {
  return (length + UNIT_BYTES - 1) & -UNIT_BYTES
}

/** Bytes of a record of this key and value, before rounding. */
export function recordBytes(
  keyLength: number,
  valueLength: number,
  flags: number,
  notesLength: number = 0,
): number {
  const wide = keyLength > MAX_NARROW_KEY ? WIDE : 0
  return HEADER_BYTES + extension(flags | wide) + paddedValidator(notesLength) + keyLength + valueLength
}

/** Units of a block for a record of so many bytes; above `MAX_UNITS` for those that no record can have. */
export function unitsFor(bytes: number): number {
  return bytes > MAX_UNITS * UNIT_BYTES ? MAX_UNITS + 1 : (bytes + UNIT_BYTES - 1) >>> 3
}

/** Reads and writes the fields of records. */
export class Records {
  /** Where `locate` found the value: `bytes[valueStart, valueEnd)`; `words` and `view` show the same memory. */
  bytes: Buffer = Buffer.alloc(0)
  words: Int32Array = new Int32Array(0)
  view: DataView = new DataView(this.bytes.buffer)
  valueStart = 0
  valueEnd = 0
  /** Where `locateKey` found the key: `bytes[keyFrom, keyTo)`. */
  keyFrom = 0
  keyTo = 0
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  word(ref: Ref, offset: number): number {
    return this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset]
  }

  setWord(ref: Ref, offset: number, value: number): void {
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset] = value
  }

  /** Fills in everything of a new record but key, value, links and times; then `locate` points at its value. */
  format(
    ref: Ref,
    type: ValueType,
    flags: number,
    keyLength: number,
    valueLength: number,
    second: number,
    notesLength = 0,
  ): void {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = (ref & arena.unitMask) << 1
    const slack = arena.units(ref) * UNIT_BYTES - recordBytes(keyLength, valueLength, flags, notesLength)
    const wide = keyLength > MAX_NARROW_KEY || slack > MAX_SLACK
    const own = flags | (type << TYPE_SHIFT) | (wide ? WIDE : 0)
    words[at] = (words[at] & ((1 << OWNER_SHIFT) - 1)) | own
    words[at + 1] = ((second & SECOND_MASK) << SECOND_SHIFT) | (wide ? 0 : (slack << 8) | keyLength)
    if (wide) {
      words[at + 4] = keyLength
      words[at + 5] = valueLength
    }
    if ((flags & FRESHNESS) !== 0)
      words[at + FRESHNESS_OFFSET + (wide ? 2 : 0) + VALIDATOR_LENGTH] = notesLength
    this.locate(ref)
  }

  /**
   * Takes a value of another length into a record of the same layout, if it fits its block; then `locate`
   * points at it. False: nothing has changed.
   */
  refit(
    ref: Ref,
    type: ValueType,
    flags: number,
    keyLength: number,
    valueLength: number,
    second: number,
  ): boolean {
    const arena = this.#arena
    const segment = ref >>> arena.shift
    const words = arena.words[segment]
    const unit = ref & arena.unitMask
    const at = unit << 1
    if (words[at] >>> OWNER_SHIFT !== (flags | (type << TYPE_SHIFT)) >>> OWNER_SHIFT) return false
    const start = unit * UNIT_BYTES + HEADER_BYTES + extension(flags) + keyLength
    const slack = (unit + arena.units(ref)) * UNIT_BYTES - start - valueLength
    if (slack >>> 0 > MAX_SLACK) return false
    words[at + 1] = ((second & SECOND_MASK) << SECOND_SHIFT) | (slack << 8) | keyLength
    this.bytes = arena.bytes[segment]
    this.words = words
    this.view = arena.views[segment]
    this.valueStart = start
    this.valueEnd = start + valueLength
    return true
  }

  /** Points `bytes`, `words`, `view`, `valueStart` and `valueEnd` at the value of a record. */
  locate(ref: Ref): void {
    const arena = this.#arena
    const segment = ref >>> arena.shift
    const words = arena.words[segment]
    const unit = ref & arena.unitMask
    const w0 = words[unit << 1]
    this.bytes = arena.bytes[segment]
    this.words = words
    this.view = arena.views[segment]
    let start = unit * UNIT_BYTES + HEADER_BYTES + extension(w0)
    if ((w0 & FRESHNESS) !== 0) start += this.#validatorBytes(words, unit << 1)
    if ((w0 & WIDE) === 0) {
      const w1 = words[(unit << 1) + 1]
      this.valueStart = start + (w1 & MAX_NARROW_KEY)
      this.valueEnd = (unit + arena.units(ref)) * UNIT_BYTES - ((w1 >>> 8) & MAX_SLACK)
    } else {
      this.valueStart = start + words[(unit << 1) + 4]
      this.valueEnd = this.valueStart + words[(unit << 1) + 5]
    }
  }

  /** Points `bytes`, `keyFrom` and `keyTo` at the key of a record. */
  locateKey(ref: Ref): void {
    this.bytes = this.#arena.bytes[ref >>> this.#arena.shift]
    this.keyFrom = this.keyStart(ref)
    this.keyTo = this.keyFrom + this.keyLength(ref)
  }

  /** Whether the record's key is `bytes[start, end)`. */
  hasKey(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = (ref & arena.unitMask) << 1
    const w0 = words[at]
    const length = (w0 & WIDE) === 0 ? words[at + 1] & MAX_NARROW_KEY : words[at + 4]
    if (length !== end - start) return false
    // A key begins at a whole unit, so it is compared by words.
    let word = at + ((HEADER_BYTES + extension(w0)) >> 2)
    if ((w0 & FRESHNESS) !== 0) word += this.#validatorBytes(words, at) >> 2
    let from = start
    for (const last = end - 3; from < last; from += 4, word++) {
      const four = bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24)
      if (words[word] !== four) return false
    }
    if (from === end) return true
    let rest = bytes[from]
    if (from + 1 < end) rest |= bytes[from + 1] << 8
    if (from + 2 < end) rest |= bytes[from + 2] << 16
    return (words[word] & ((1 << ((end - from) << 3)) - 1)) === rest
  }

  keyLength(ref: Ref): number {
    return (this.word(ref, 0) & WIDE) === 0 ? this.word(ref, 1) & MAX_NARROW_KEY : this.word(ref, 4)
  }

  /** Where the key begins in `arena.bytes` of the record's segment. */
  keyStart(ref: Ref): number {
    const w0 = this.word(ref, 0)
    const start = (ref & this.#arena.unitMask) * UNIT_BYTES + HEADER_BYTES + extension(w0)
    return (w0 & FRESHNESS) === 0
      ? start
      : start + paddedValidator(this.#freshnessField(ref, VALIDATOR_LENGTH))
  }

  type(ref: Ref): ValueType {
    return ((this.word(ref, 0) >>> TYPE_SHIFT) & TYPE_MASK) as ValueType
  }

  flags(ref: Ref): number {
    return this.word(ref, 0) & (EXPIRES | LOADED)
  }

  isRaw(ref: Ref): boolean {
    return (this.word(ref, 0) & RAW) !== 0
  }

  markRaw(ref: Ref): void {
    this.setWord(ref, 0, this.word(ref, 0) | RAW)
  }

  /** Units that the record needs: its block may have been given more. */
  neededUnits(ref: Ref): number {
    if ((this.word(ref, 0) & WIDE) !== 0) return this.#arena.units(ref)
    return this.#arena.units(ref) - (((this.word(ref, 1) >>> 8) & MAX_SLACK) >>> 3)
  }

  /**
   * Changes the length of the value within the block, of a record without `NOTED`. False: it does not fit, or would leave more slack than
   * is worth keeping.
   */
  setValueLength(ref: Ref, valueLength: number): boolean {
    const keyLength = this.keyLength(ref)
    const w0 = this.word(ref, 0)
    const room = this.#arena.units(ref) * UNIT_BYTES - HEADER_BYTES - extension(w0) - keyLength
    const slack = room - valueLength
    if (slack < 0) return false
    if ((w0 & WIDE) !== 0) {
      if (slack > 64 && slack > room >> 1) return false
      this.setWord(ref, 5, valueLength)
      return true
    }
    if (slack > MAX_SLACK) return false
    this.setWord(ref, 1, (this.word(ref, 1) & ~(MAX_SLACK << 8)) | (slack << 8))
    return true
  }

  /** Moves a record to another block, of which it takes `units`. */
  move(from: Ref, to: Ref, units: number): void {
    const w0 = this.word(from, 0)
    const length = (w0 & WIDE) === 0 ? this.#usedBytes(from) : 0
    this.#arena.move(from, to, units)
    if ((w0 & WIDE) === 0) {
      const slack = this.#arena.units(to) * UNIT_BYTES - length
      this.setWord(to, 1, (this.word(to, 1) & ~(MAX_SLACK << 8)) | (slack << 8))
    }
  }

  /** Bytes of a narrow record without its slack. */
  #usedBytes(ref: Ref): number {
    return this.#arena.units(ref) * UNIT_BYTES - ((this.word(ref, 1) >>> 8) & MAX_SLACK)
  }

  accessSecond(ref: Ref): number {
    return this.word(ref, 1) >>> SECOND_SHIFT
  }

  setAccessSecond(ref: Ref, second: number): void {
    const w1 = this.word(ref, 1)
    const masked = second & SECOND_MASK
    if (w1 >>> SECOND_SHIFT === masked) return
    this.setWord(ref, 1, (w1 & ((1 << SECOND_SHIFT) - 1)) | (masked << SECOND_SHIFT))
  }

  /**
   * Whether the record's deadline, and with `NOTED` the time that it is kept after it, is before `now[0]` (Redis: a key
   * lives through the millisecond of its deadline).
   */
  isExpired(ref: Ref, now: Float64Array): boolean {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const w0 = words[at]
    if ((w0 & EXPIRES) === 0) return false
    const offset = at + ((w0 & WIDE) === 0 ? 4 : 6)
    const deadline = (words[offset] >>> 0) + words[offset + 1] * TWO_32
    if (deadline === 0 || now[0] <= deadline) return false
    return (w0 & FRESHNESS) === 0 || this.#isPastRetention(ref, now, deadline)
  }

  /** Whether the record is a value without `NOTED`: a read is answered with it as it is. */
  isPlain(ref: Ref): boolean {
    const w0 = this.word(ref, 0)
    return (w0 & FRESHNESS) === 0 && ((w0 >>> TYPE_SHIFT) & TYPE_MASK) !== ValueType.ABSENT
  }

  /** Whether the record is kept although its deadline is before `now[0]`. */
  isStale(ref: Ref, now: Float64Array): boolean {
    return this.hasFreshness(ref) && this.#isPast(ref, now)
  }

  /** Whether a read should look closer: the record is stale, or soon will be. */
  needsRefresh(ref: Ref, now: Float64Array): boolean {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const w0 = words[at]
    if ((w0 & FRESHNESS) === 0) return false
    const fields = at + ((w0 & WIDE) === 0 ? 0 : 2)
    const deadline = (words[fields + 4] >>> 0) + words[fields + 5] * TWO_32
    return deadline !== 0 && now[0] > deadline - words[fields + FRESHNESS_OFFSET + REFRESH_AHEAD]
  }

  /** Whether there is a deadline; `deadline` would give a number too large not to be boxed. */
  expires(ref: Ref): boolean {
    const w0 = this.word(ref, 0)
    if ((w0 & EXPIRES) === 0) return false
    const offset = (w0 & WIDE) === 0 ? 4 : 6
    return (this.word(ref, offset) | this.word(ref, offset + 1)) !== 0
  }

  /** The deadline in milliseconds since the epoch, 0 for none. */
  deadline(ref: Ref): number {
    const w0 = this.word(ref, 0)
    return (w0 & EXPIRES) === 0 ? 0 : this.#time(ref, (w0 & WIDE) === 0 ? 4 : 6)
  }

  /** Only for records with `EXPIRES`. The time comes in a cell: an argument would be boxed. */
  setDeadline(ref: Ref, ms: Float64Array): void {
    this.#setTime(ref, (this.word(ref, 0) & WIDE) === 0 ? 4 : 6, ms)
  }

  /** The same, exact beyond 2^53 too: an int64. */
  exactDeadline(ref: Ref): bigint {
    const w0 = this.word(ref, 0)
    if ((w0 & EXPIRES) === 0) return 0n
    const offset = (w0 & WIDE) === 0 ? 4 : 6
    return (BigInt(this.word(ref, offset + 1)) << 32n) | BigInt(this.word(ref, offset) >>> 0)
  }

  /** Only for records with `EXPIRES` whose deadline is this one already but for what a double rounds off. */
  setExactDeadline(ref: Ref, ms: bigint): void {
    const offset = (this.word(ref, 0) & WIDE) === 0 ? 4 : 6
    this.setWord(ref, offset, Number(BigInt.asIntN(32, ms)))
    this.setWord(ref, offset + 1, Number(ms >> 32n))
  }

  /** When the origin gave the value, in milliseconds since the epoch; 0: it did not. */
  loadedAt(ref: Ref): number {
    const offset = this.#loadedOffset(ref)
    return offset === 0 ? 0 : this.#time(ref, offset)
  }

  /** How long the origin took, in milliseconds. */
  loadMs(ref: Ref): number {
    const offset = this.#loadedOffset(ref)
    return offset === 0 ? 0 : this.word(ref, offset + 2)
  }

  /** Only for records with `LOADED`, before their windows are set. */
  setLoaded(ref: Ref, at: Float64Array, ms: number): void {
    const offset = this.#loadedOffset(ref)
    this.#setTime(ref, offset, at)
    this.setWord(ref, offset + 2, ms)
    this.setWord(ref, offset + 3, 0)
  }

  /** Whether the origin gave the value at `moment[0]` or before. */
  isLoadedBy(ref: Ref, moment: Float64Array): boolean {
    const offset = this.#loadedOffset(ref)
    if (offset === 0) return false
    return (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32 <= moment[0]
  }

  /**
   * Ends the life of a record with `NOTED` at `end[0]`, if it does not end before. False: it is not kept after its end,
   * and nothing has changed.
   */
  capDeadline(ref: Ref, end: Float64Array): boolean {
    if (!this.hasFreshness(ref) || this.#freshnessField(ref, RETENTION) === 0) return false
    if (this.#time(ref, (this.word(ref, 0) & WIDE) === 0 ? 4 : 6) > end[0]) this.setDeadline(ref, end)
    return true
  }

  /** The flags that say how much room a record has for tags; 0: it carries none. */
  tagFlags(ref: Ref): number {
    return this.word(ref, 0) & TAGS
  }

  /** The tags of a record; none without `TAGS`. */
  readTags(ref: Ref, tagging: EntryTags): void {
    const size = this.word(ref, 0) >>> TAGS_SHIFT
    tagging.count = 0
    if (size === 0) return
    const offset = this.#tagsOffset(ref)
    const end = offset + (TAG_BYTES[size] >> 2)
    tagging.epoch[0] = (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32
    for (let i = offset + 2; i < end; i++) {
      const hash = this.word(ref, i)
      if (hash === 0) break
      tagging.hashes[tagging.count++] = hash
    }
  }

  /** Only for records with the `tagFlags` of as many tags. */
  setTags(ref: Ref, tagging: EntryTags): void {
    const offset = this.#tagsOffset(ref)
    const places = (TAG_BYTES[this.word(ref, 0) >>> TAGS_SHIFT] >> 2) - 2
    this.#setTime(ref, offset, tagging.epoch)
    for (let i = 0; i < places; i++)
      this.setWord(ref, offset + 2 + i, i < tagging.count ? tagging.hashes[i] : 0)
  }

  #tagsOffset(ref: Ref): number {
    const w0 = this.word(ref, 0)
    return (HEADER_BYTES + extension(w0) - TAG_BYTES[w0 >>> TAGS_SHIFT]) >> 2
  }

  hasFreshness(ref: Ref): boolean {
    return (this.word(ref, 0) & FRESHNESS) !== 0
  }

  /** The windows of a record; all 0 without `NOTED`. */
  readWindows(ref: Ref, windows: FreshnessWindows): void {
    const isNoted = this.hasFreshness(ref)
    windows.refreshAhead = isNoted ? this.#freshnessField(ref, REFRESH_AHEAD) : 0
    windows.staleWhileRevalidate = isNoted ? this.#freshnessField(ref, STALE_WHILE_REVALIDATE) : 0
    windows.staleIfError = isNoted ? this.#freshnessField(ref, STALE_IF_ERROR) : 0
    windows.retention = isNoted ? this.#freshnessField(ref, RETENTION) : 0
  }

  /** Only for records with `NOTED`. */
  setWindows(ref: Ref, windows: FreshnessWindows): void {
    const offset = FRESHNESS_OFFSET + ((this.word(ref, 0) & WIDE) === 0 ? 0 : 2)
    this.setWord(ref, offset + REFRESH_AHEAD, windows.refreshAhead)
    this.setWord(ref, offset + STALE_WHILE_REVALIDATE, windows.staleWhileRevalidate)
    this.setWord(ref, offset + STALE_IF_ERROR, windows.staleIfError)
    this.setWord(ref, offset + RETENTION, windows.retention)
  }

  /** A copy of the notes; empty without `NOTED`. */
  validator(ref: Ref): Buffer {
    const length = this.hasFreshness(ref) ? this.#freshnessField(ref, VALIDATOR_LENGTH) : 0
    const end = this.keyStart(ref) - paddedValidator(length) + length
    return Buffer.from(this.#arena.bytes[ref >>> this.#arena.shift].subarray(end - length, end))
  }

  /** Only for records with `NOTED`, formatted for notes of this length. */
  setValidator(ref: Ref, notes: Uint8Array): void {
    const start = this.keyStart(ref) - paddedValidator(notes.length)
    this.#arena.bytes[ref >>> this.#arena.shift].set(notes, start)
  }

  #isPastRetention(ref: Ref, now: Float64Array, deadline: number): boolean {
    return now[0] > deadline + this.#freshnessField(ref, RETENTION)
  }

  #freshnessField(ref: Ref, field: number): number {
    return this.word(ref, FRESHNESS_OFFSET + ((this.word(ref, 0) & WIDE) === 0 ? 0 : 2) + field)
  }

  #validatorBytes(words: Int32Array, at: number): number {
    return paddedValidator(
      words[at + FRESHNESS_OFFSET + ((words[at] & WIDE) === 0 ? 0 : 2) + VALIDATOR_LENGTH],
    )
  }

  /** Whether the deadline is before `now[0]`. Only for records with `EXPIRES`. */
  #isPast(ref: Ref, now: Float64Array): boolean {
    const offset = (this.word(ref, 0) & WIDE) === 0 ? 4 : 6
    const deadline = (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32
    return deadline !== 0 && now[0] > deadline
  }

  #loadedOffset(ref: Ref): number {
    const w0 = this.word(ref, 0)
    return (w0 & LOADED) === 0 ? 0 : 4 + ((w0 & WIDE) === 0 ? 0 : 2) + ((w0 & EXPIRES) === 0 ? 0 : 2)
  }

  #time(ref: Ref, offset: number): number {
    return (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32
  }

  #setTime(ref: Ref, offset: number, ms: Float64Array): void {
    const high = Math.floor(ms[0] / TWO_32)
    // The largest int64 becomes 2^63 as a double: one more than the words can hold.
    this.setWord(ref, offset, high > MAX_HIGH_WORD ? -1 : (ms[0] % TWO_32) | 0)
    this.setWord(ref, offset + 1, Math.min(high, MAX_HIGH_WORD))
  }
}

// The layout of a record inside its block of the arena, and access to its fields.
//
// One file of more than 300 lines, because of measurements: an exported constant is a cell of the module that is loaded
// at every use, while a constant that stays in its file is compiled into the code. With the flags imported from a file
// of their own a lookup was 3 to 5 % slower.

import { type Arena, OWNER_SHIFT, type Ref, UNIT_BYTES } from './arena.ts'
import type { EntryTags } from './validity/tags.ts'

/*
 * A record is one block of Int32 words w0, w1, …; the second line of a field gives its bits.
 *
 *   | w0                     | w1                     | w2, w3          | extension | validator | key | value | slack |
 *   | flags, type, arena     | access, lengths        | eviction policy | by flags  | 8n bytes  |
 *
 *   w0 | 31–30 TAGS | 29 FRESHNESS | 28 RAW | 27 WIDE | 26 LOADED | 25 EXPIRES | 24–22 type | 21–0 the arena's |
 *   w1 | 31–12 second of the last access | 11–8 slack | 7–0 key length; with WIDE both are 0 |
 *      | 31–16 the same in steps of 16 s | 15–12 the eviction policy's     with `keepPolicyBits(true)`
 *
 * The extension holds the fields of the flags that are set, in this order. A time is two words, low and high, in
 * milliseconds since the Unix epoch.
 *
 *   WIDE       8 bytes   key length | value length            for a key above 255 bytes, or slack above 15 bytes
 *   EXPIRES    8 bytes   deadline (low, high)                 0: none
 *   LOADED    16 bytes   load epoch (low, high) | duration of the load, ms | with FRESHNESS: refreshAhead, ms
 *   FRESHNESS 16 bytes   staleWhileRevalidate | staleIfError | retention, all ms | length of the validator
 *   TAGS   16/32/72 bytes   epoch of the tags (low, high) | 2, 6 or 16 tag hashes, 0 in free places
 *
 * Slack is the unused rest of the block: of its last unit, or one unit more when the rest was too small for a free
 * block. So the value's length follows from the block's length. A key of 16 bytes with a value of 32 takes 64 bytes.
 *
 * The value of a collection is its elements, packed, or the number of the region that has them (`types/packed.ts`).
 */

/** The type of a value, 3 bits; 0: the block is no record (`types/regions.ts`). `ABSENT`: the origin has no such key. */
export const ValueType = {
  STRING: 1,
  LIST: 2,
  SET: 3,
  SORTED_SET: 4,
  HASH: 5,
  STREAM: 6,
  /** A negative entry. */
  ABSENT: 7,
} as const
export type ValueType = (typeof ValueType)[keyof typeof ValueType]

/** Whether values of this type are collections. */
export function isCollection(type: ValueType): boolean {
  return type !== ValueType.STRING && type !== ValueType.ABSENT
}

const TYPE_SHIFT = OWNER_SHIFT
const TYPE_MASK = 7
/** The record has a deadline field, which may be 0. */
export const EXPIRES = 1 << (OWNER_SHIFT + 3)
/** The value was loaded from the origin. */
export const LOADED = 1 << (OWNER_SHIFT + 4)
/** The record has freshness windows and a validator. Only together with `EXPIRES` and `LOADED`. */
export const FRESHNESS = 1 << (OWNER_SHIFT + 7)
/** The record has tags: two bits for the size of their field, see `tagFlags`. */
export const TAGS: number = 3 << (OWNER_SHIFT + 8)
const TAGS_SHIFT = OWNER_SHIFT + 8
/** Bytes of the tag field, by those two bits. */
const TAG_BYTES = [0, 16, 32, 72] as const
const WIDE = 1 << (OWNER_SHIFT + 5)
const RAW = 1 << (OWNER_SHIFT + 6)

/** The lowest flag that adds a field to the extension. */
const EXTENSION_SHIFT = OWNER_SHIFT + 3
const HEADER_BYTES = 16
const MAX_NARROW_KEY = 255
const MAX_SLACK = 15
const SECOND_SHIFT = 12
/** The second of the last access has 20 bits and wraps after 12 days. */
export const SECOND_MASK = 0xfffff
/** The bits of w1 that an eviction policy may have: the lowest ones of the second. */
const POLICY_BITS = 0xf << SECOND_SHIFT
/** The lowest of the four bits. */
export const POLICY_BITS_SHIFT = SECOND_SHIFT
const TWO_32 = 2 ** 32
const MAX_HIGH_WORD = 0x7fffffff

/** Offset of the two words that belong to the eviction policy. */
export const EVICTION_WORDS = 2

/** The largest record, just below 2 GiB: lengths are int32. */
export const MAX_UNITS = 2 ** 28 - 1

/**
 * With `FRESHNESS` the fields of `EXPIRES` and `LOADED` are always present. Its own begin, without `WIDE`, at this word:
 * the last one of `LOADED`.
 */
const FRESHNESS_BYTES = 16
const FRESHNESS_OFFSET = 9
/** Word offsets from there. */
const REFRESH_AHEAD = 0
const STALE_WHILE_REVALIDATE = 1
const STALE_IF_ERROR = 2
const RETENTION = 3
const VALIDATOR_LENGTH = 4
/** Words from a record to where most short keys end: half a cache line. */
const KEY_LINE = 8
/** The longest window that a field can hold. */
export const MAX_WINDOW_MS = 2 ** 31 - 1

/** The freshness windows of a record around its deadline, in ms (RFC 5861). */
export class FreshnessWindows {
  /** How long before the deadline a read may start a refresh. */
  refreshAhead = 0
  /** How long after the deadline the value is served while a refresh runs, and when the refresh fails. */
  staleWhileRevalidate = 0
  staleIfError = 0
  /** How long after the deadline the record is kept: at least as long as both of them. */
  retention = 0
}

/** Bytes of the extension, by the flags shifted down. */
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

/** Bytes between the header and the validator. */
function extension(w0: number): number {
  return EXTENSIONS[w0 >>> EXTENSION_SHIFT]
}

/** The `TAGS` bits of a record with `count` tags, at most `MAX_TAGS`. */
export function tagFlags(count: number): number {
  return (count === 0 ? 0 : count <= 2 ? 1 : count <= 6 ? 2 : 3) << TAGS_SHIFT
}

/** The validator is padded to whole units, so that the key begins at one. */
function paddedValidator(length: number): number {
  return (length + UNIT_BYTES - 1) & -UNIT_BYTES
}

/** Bytes of a record, before rounding to units. */
export function recordBytes(
  keyLength: number,
  valueLength: number,
  flags: number,
  validatorLength: number = 0,
): number {
  const wide = keyLength > MAX_NARROW_KEY ? WIDE : 0
  return HEADER_BYTES + extension(flags | wide) + paddedValidator(validatorLength) + keyLength + valueLength
}

/** Units of a record of `bytes`; above `MAX_UNITS` if no record can have as many. */
export function unitsFor(bytes: number): number {
  return bytes > MAX_UNITS * UNIT_BYTES ? MAX_UNITS + 1 : (bytes + UNIT_BYTES - 1) >>> 3
}

/**
 * Reads and writes the fields of records. Times are passed in `Float64Array` cells, as arguments would be allocated.
 */
export class Records {
  /** The value that `locate` found: `bytes[valueStart, valueEnd)`. `words` and `view` are the same memory. */
  bytes: Buffer = Buffer.alloc(0)
  words: Int32Array = new Int32Array(0)
  view: DataView = new DataView(this.bytes.buffer)
  valueStart = 0
  valueEnd = 0
  /** The key that `locateKey` found: `bytes[keyFrom, keyTo)`. */
  keyFrom = 0
  keyTo = 0
  /** The bits of w1 that hold the second of the last access. */
  #secondBits = SECOND_MASK << SECOND_SHIFT
  /** A greater difference is an access in the future: if a policy had bits, they were the low bits of the second. */
  #maxIdle: number = SECOND_MASK
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /**
   * Whether the eviction policy has bits of its own in each record, as Redis's LFU has them in the field of the LRU
   * clock. Then new records have 0 there; those of existing records are undefined.
   */
  keepPolicyBits(on: boolean): void {
    this.#secondBits = (SECOND_MASK << SECOND_SHIFT) & (on ? ~POLICY_BITS : -1)
    if (on) this.#maxIdle = SECOND_MASK - (POLICY_BITS >>> SECOND_SHIFT)
  }

  /** The bits of the eviction policy, at their place in w1; 0 if it has none. */
  policyBits(ref: Ref): number {
    return this.word(ref, 1) & POLICY_BITS & ~this.#secondBits
  }

  /** Only while the policy has bits. */
  setPolicyBits(ref: Ref, bits: number): void {
    this.setWord(ref, 1, (this.word(ref, 1) & ~POLICY_BITS) | bits)
  }

  word(ref: Ref, offset: number): number {
    return this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset]
  }

  setWord(ref: Ref, offset: number, value: number): void {
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset] = value
  }

  /** Writes the header and the lengths of a new record, and locates its value. Other fields are still undefined. */
  format(
    ref: Ref,
    type: ValueType,
    flags: number,
    keyLength: number,
    valueLength: number,
    second: number,
    validatorLength = 0,
  ): void {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = (ref & arena.unitMask) << 1
    const slack = arena.units(ref) * UNIT_BYTES - recordBytes(keyLength, valueLength, flags, validatorLength)
    const wide = keyLength > MAX_NARROW_KEY || slack > MAX_SLACK
    const own = flags | (type << TYPE_SHIFT) | (wide ? WIDE : 0)
    words[at] = (words[at] & ((1 << OWNER_SHIFT) - 1)) | own
    words[at + 1] = ((second << SECOND_SHIFT) & this.#secondBits) | (wide ? 0 : (slack << 8) | keyLength)
    if (wide) {
      words[at + 4] = keyLength
      words[at + 5] = valueLength
    }
    if ((flags & FRESHNESS) !== 0)
      words[at + FRESHNESS_OFFSET + (wide ? 2 : 0) + VALIDATOR_LENGTH] = validatorLength
    this.locate(ref)
  }

  /**
   * Prepares a record for another value if flags and type are the same and the value fits the block: writes the length
   * and locates the value. False: nothing has changed.
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
    const bits = this.#secondBits
    words[at + 1] =
      ((second << SECOND_SHIFT) & bits) | (words[at + 1] & ~bits & POLICY_BITS) | (slack << 8) | keyLength
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

  /** Points `bytes`, `view`, `keyFrom` and `keyTo` at the key of a record. */
  locateKey(ref: Ref): void {
    const segment = ref >>> this.#arena.shift
    this.bytes = this.#arena.bytes[segment]
    this.view = this.#arena.views[segment]
    this.keyFrom = this.keyStart(ref)
    this.keyTo = this.keyFrom + this.keyLength(ref)
  }

  /** Reads the memory that holds the header and, if it is short, the key. The result has no meaning. */
  touch(ref: Ref): number {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    // The key may begin in the next cache line.
    return words[at] ^ (at + KEY_LINE < words.length ? words[at + KEY_LINE] : 0)
  }

  /** Whether the record's key is `bytes[start, end)`. */
  hasKey(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = (ref & arena.unitMask) << 1
    const w0 = words[at]
    const length = (w0 & WIDE) === 0 ? words[at + 1] & MAX_NARROW_KEY : words[at + 4]
    if (length !== end - start) return false
    // The key begins at a whole unit: words are compared, not bytes.
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

  /** Offset of the key in the bytes of the record's segment. */
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

  /** Whether OBJECT ENCODING answers `raw`: the value was changed by APPEND or SETRANGE. */
  isRaw(ref: Ref): boolean {
    return (this.word(ref, 0) & RAW) !== 0
  }

  markRaw(ref: Ref): void {
    this.setWord(ref, 0, this.word(ref, 0) | RAW)
  }

  /** Units that the record needs. Its block may have more. */
  neededUnits(ref: Ref): number {
    if ((this.word(ref, 0) & WIDE) !== 0) return this.#arena.units(ref)
    return this.#arena.units(ref) - (((this.word(ref, 1) >>> 8) & MAX_SLACK) >>> 3)
  }

  /**
   * Changes the length of the value within the block, for a record without `FRESHNESS`. False: it does not fit, or
   * would waste too much of the block.
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

  /** Moves a record of `units` to another block, and frees the old one. */
  move(from: Ref, to: Ref, units: number): void {
    const w0 = this.word(from, 0)
    const length = (w0 & WIDE) === 0 ? this.#usedBytes(from) : 0
    this.#arena.move(from, to, units)
    if ((w0 & WIDE) === 0) {
      const slack = this.#arena.units(to) * UNIT_BYTES - length
      this.setWord(to, 1, (this.word(to, 1) & ~(MAX_SLACK << 8)) | (slack << 8))
    }
  }

  /** Bytes of a record without `WIDE`, without its slack. */
  #usedBytes(ref: Ref): number {
    return this.#arena.units(ref) * UNIT_BYTES - ((this.word(ref, 1) >>> 8) & MAX_SLACK)
  }

  /** Seconds from the last access to `second`, modulo 2^20 (12 days). */
  idleSeconds(ref: Ref, second: number): number {
    const bits = this.#secondBits
    const idle = (((second << SECOND_SHIFT) & bits) - (this.word(ref, 1) & bits)) >>> SECOND_SHIFT
    return idle > this.#maxIdle ? 0 : idle
  }

  setAccessSecond(ref: Ref, second: number): void {
    const w1 = this.word(ref, 1)
    const bits = this.#secondBits
    const shifted = (second << SECOND_SHIFT) & bits
    if ((w1 & bits) === shifted) return
    this.setWord(ref, 1, (w1 & ~bits) | shifted)
  }

  /** Copies the second of the last access, and the words and bits of the eviction policy. */
  copyAccess(from: Ref, to: Ref): void {
    const low = (1 << SECOND_SHIFT) - 1
    this.setWord(to, 1, (this.word(from, 1) & ~low) | (this.word(to, 1) & low))
    this.setWord(to, EVICTION_WORDS, this.word(from, EVICTION_WORDS))
    this.setWord(to, EVICTION_WORDS + 1, this.word(from, EVICTION_WORDS + 1))
  }

  /**
   * Whether `now[0]` is after the deadline, and with `FRESHNESS` after the retention too. As in Redis, a key is still
   * valid in the millisecond of its deadline.
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

  /** Whether a read needs no freshness check: a value without `FRESHNESS`. */
  isPlain(ref: Ref): boolean {
    const w0 = this.word(ref, 0)
    return (w0 & FRESHNESS) === 0 && ((w0 >>> TYPE_SHIFT) & TYPE_MASK) !== ValueType.ABSENT
  }

  /** Whether the record is past its deadline but retained. */
  isStale(ref: Ref, now: Float64Array): boolean {
    return this.hasFreshness(ref) && this.#isPast(ref, now)
  }

  /** Whether a read may have to start a refresh: the record is stale, or within `refreshAhead` of it. */
  needsRefresh(ref: Ref, now: Float64Array): boolean {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const w0 = words[at]
    if ((w0 & FRESHNESS) === 0) return false
    const fields = at + ((w0 & WIDE) === 0 ? 0 : 2)
    const deadline = (words[fields + 4] >>> 0) + words[fields + 5] * TWO_32
    return deadline !== 0 && now[0] > deadline - words[fields + FRESHNESS_OFFSET + REFRESH_AHEAD]
  }

  /** Whether there is a deadline. Unlike `deadline`, this allocates no number. */
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

  /** Only for records with `EXPIRES`. */
  setDeadline(ref: Ref, ms: Float64Array): void {
    this.#setTime(ref, (this.word(ref, 0) & WIDE) === 0 ? 4 : 6, ms)
  }

  /** The deadline as an int64, exact above 2^53 too. */
  exactDeadline(ref: Ref): bigint {
    const w0 = this.word(ref, 0)
    if ((w0 & EXPIRES) === 0) return 0n
    const offset = (w0 & WIDE) === 0 ? 4 : 6
    return (BigInt(this.word(ref, offset + 1)) << 32n) | BigInt(this.word(ref, offset) >>> 0)
  }

  /** Only for records with `EXPIRES`. Must equal the current deadline when rounded to a double. */
  setExactDeadline(ref: Ref, ms: bigint): void {
    const offset = (this.word(ref, 0) & WIDE) === 0 ? 4 : 6
    this.setWord(ref, offset, Number(BigInt.asIntN(32, ms)))
    this.setWord(ref, offset + 1, Number(ms >> 32n))
  }

  /** The load epoch: ms since the Unix epoch; 0: the value was not loaded. */
  loadedAt(ref: Ref): number {
    const offset = this.#loadedOffset(ref)
    return offset === 0 ? 0 : this.#time(ref, offset)
  }

  /** Duration of the load, ms. */
  loadMs(ref: Ref): number {
    const offset = this.#loadedOffset(ref)
    return offset === 0 ? 0 : this.word(ref, offset + 2)
  }

  /** Only for records with `LOADED`, before `setWindows`. */
  setLoaded(ref: Ref, at: Float64Array, ms: number): void {
    const offset = this.#loadedOffset(ref)
    this.#setTime(ref, offset, at)
    this.setWord(ref, offset + 2, ms)
    this.setWord(ref, offset + 3, 0)
  }

  /** Whether the value was loaded at `epoch[0]` or before. */
  isLoadedBy(ref: Ref, epoch: Float64Array): boolean {
    const offset = this.#loadedOffset(ref)
    if (offset === 0) return false
    return (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32 <= epoch[0]
  }

  /**
   * Lowers the deadline of a record to `end[0]` if it is later. False: the record has no retention, and nothing has
   * changed.
   */
  capDeadline(ref: Ref, end: Float64Array): boolean {
    if (!this.hasFreshness(ref) || this.#freshnessField(ref, RETENTION) === 0) return false
    if (this.#time(ref, (this.word(ref, 0) & WIDE) === 0 ? 4 : 6) > end[0]) this.setDeadline(ref, end)
    return true
  }

  /** The `TAGS` bits of a record; 0: it has no tags. */
  tagFlags(ref: Ref): number {
    return this.word(ref, 0) & TAGS
  }

  /** Reads the tags of a record; none without `TAGS`. */
  readTags(ref: Ref, tags: EntryTags): void {
    const size = this.word(ref, 0) >>> TAGS_SHIFT
    tags.count = 0
    if (size === 0) return
    const offset = this.#tagsOffset(ref)
    const end = offset + (TAG_BYTES[size] >> 2)
    tags.epoch[0] = (this.word(ref, offset) >>> 0) + this.word(ref, offset + 1) * TWO_32
    for (let i = offset + 2; i < end; i++) {
      const hash = this.word(ref, i)
      if (hash === 0) break
      tags.hashes[tags.count++] = hash
    }
  }

  /** Only for records formatted with the `tagFlags` of this many tags. */
  setTags(ref: Ref, tags: EntryTags): void {
    const offset = this.#tagsOffset(ref)
    const places = (TAG_BYTES[this.word(ref, 0) >>> TAGS_SHIFT] >> 2) - 2
    this.#setTime(ref, offset, tags.epoch)
    for (let i = 0; i < places; i++) this.setWord(ref, offset + 2 + i, i < tags.count ? tags.hashes[i] : 0)
  }

  #tagsOffset(ref: Ref): number {
    const w0 = this.word(ref, 0)
    return (HEADER_BYTES + extension(w0) - TAG_BYTES[w0 >>> TAGS_SHIFT]) >> 2
  }

  hasFreshness(ref: Ref): boolean {
    return (this.word(ref, 0) & FRESHNESS) !== 0
  }

  /** Reads the freshness windows of a record; all 0 without `FRESHNESS`. */
  readWindows(ref: Ref, windows: FreshnessWindows): void {
    const hasFreshness = this.hasFreshness(ref)
    windows.refreshAhead = hasFreshness ? this.#freshnessField(ref, REFRESH_AHEAD) : 0
    windows.staleWhileRevalidate = hasFreshness ? this.#freshnessField(ref, STALE_WHILE_REVALIDATE) : 0
    windows.staleIfError = hasFreshness ? this.#freshnessField(ref, STALE_IF_ERROR) : 0
    windows.retention = hasFreshness ? this.#freshnessField(ref, RETENTION) : 0
  }

  /** Only for records with `FRESHNESS`. */
  setWindows(ref: Ref, windows: FreshnessWindows): void {
    const offset = FRESHNESS_OFFSET + ((this.word(ref, 0) & WIDE) === 0 ? 0 : 2)
    this.setWord(ref, offset + REFRESH_AHEAD, windows.refreshAhead)
    this.setWord(ref, offset + STALE_WHILE_REVALIDATE, windows.staleWhileRevalidate)
    this.setWord(ref, offset + STALE_IF_ERROR, windows.staleIfError)
    this.setWord(ref, offset + RETENTION, windows.retention)
  }

  /** A copy of the validator; empty without `FRESHNESS`. */
  validator(ref: Ref): Buffer {
    const length = this.hasFreshness(ref) ? this.#freshnessField(ref, VALIDATOR_LENGTH) : 0
    const end = this.keyStart(ref) - paddedValidator(length) + length
    return Buffer.from(this.#arena.bytes[ref >>> this.#arena.shift].subarray(end - length, end))
  }

  /** Only for records with `FRESHNESS`, formatted for a validator of this length. */
  setValidator(ref: Ref, validator: Uint8Array): void {
    const start = this.keyStart(ref) - paddedValidator(validator.length)
    this.#arena.bytes[ref >>> this.#arena.shift].set(validator, start)
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

  /** Whether `now[0]` is after the deadline. Only for records with `EXPIRES`. */
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
    // The largest int64 is 2^63 as a double: one more than two words can hold.
    this.setWord(ref, offset, high > MAX_HIGH_WORD ? -1 : (ms[0] % TWO_32) | 0)
    this.setWord(ref, offset + 1, Math.min(high, MAX_HIGH_WORD))
  }
}

// The allocator: blocks of 8-byte units in off-heap segments, in constant time, with coalescing and evacuation.
//
// More than 300 lines: the header bits of a block stay constants of the file that reads them on every lookup.

import { BufferPool } from './buffer-pool.ts'
import { binOf, FreeBins, fittingBin } from './free-bins.ts'
import { Segments } from './segments.ts'
import { allocateMemory, dropMemory } from './store-memory.ts'

/*
 * A segment is memory in one piece. The operating system commits its pages when the frontier first passes them, so a
 * segment costs what was used of it.
 *
 *   segment    | block | block | free | block | …… | frontier → never used yet |
 *
 *   live block | w0: units, flags | w1 … words and bytes of the owner …           |   w = Int32 word
 *   free block | w0: units, FREE  | w1: next free | w2: previous free | … | units |   at least 2 units
 *
 *   w0         | 31–22 the owner's | 21 PREVIOUS_FREE | 20 FREE | 19–0 units (0: a large block) |
 *
 * Adjacent free blocks are always merged: the last word of a free block, and PREVIOUS_FREE, are Knuth's boundary tags.
 * Free blocks are kept in bins by size (`FreeBins`). Of the first bin in which only some blocks fit, the first few are
 * tried before. So a workload of one size reuses its holes exactly, and a mixed one splits the smallest block that fits.
 *
 * A large block, above a sixteenth of a segment, has a segment of its own, of its size. Smaller blocks waste less
 * than a sixteenth of a segment, even when all have one size that does not divide it. Large blocks use up segment
 * numbers: when too few are left for what the limit allows, only blocks above half a segment are large.
 *
 * A scan visits all blocks in order of address, in steps (`beginScan`, `scan`).
 *
 * When the holes of a mixed workload do not fit, the sparsest segment is evacuated: its blocks move into the others
 * (`beginEvacuation`, `nextToMove`, `move`) and it is reused as a whole. This bounds fragmentation.
 *
 * A reference is `segment << shift | unit`, an int32.
 */

declare const refBrand: unique symbol

/** A block's address: `segment << shift | unit`. Valid until the block is freed or moved. */
export type Ref = number & { readonly [refBrand]: true }

export const NULL_REF = 0 as Ref
export const UNIT_BYTES = 8

const UNITS_MASK = 0xfffff
const FREE = 1 << 20
const PREVIOUS_FREE = 1 << 21
/** The lowest bit of word 0 that belongs to the block's owner. */
export const OWNER_SHIFT = 22
const ARENA_BITS = (1 << OWNER_SHIFT) - 1

const MIN_UNITS = 2
/** Blocks tried in a bin of which only some blocks fit. */
const MAX_FIRST_FIT_TRIES = 8

/** Minimum size of a large block: smaller ones would cost more in JavaScript objects than they save. */
const MIN_LARGE_UNITS = (16 * 1024) / UNIT_BYTES

export class Arena extends Segments {
  readonly #largeAbove: number
  readonly #largeBuffers: BufferPool
  readonly #bins: FreeBins
  /** Units in live blocks. */
  liveUnits = 0
  /** Units ever used in the current segments, and so committed by the operating system. */
  committedUnits = 0
  /** `alloc` does not raise `committedUnits` above this. */
  maxCommittedUnits = Number.POSITIVE_INFINITY
  #current = -1
  #frontier = 0
  /** PREVIOUS_FREE if the last block before the frontier is free. */
  #frontierFlag = 0
  /** The segment being evacuated: blocks freed there go to no bin. -1: none. */
  #evacuated = -1
  #evacuatedAt = 0
  /** Where `scan` goes on. `#scanAt` is always the begin of a block, or the end of the last one. */
  #scanSegment = 0
  #scanAt = 0
  /** The memory of a dropped segment, kept for the next one. */
  #spare: ArrayBufferLike | undefined

  /** @param segmentBytes a power of two, 4 MiB at most */
  constructor(segmentBytes: number) {
    super(segmentBytes / UNIT_BYTES)
    this.#largeAbove = Math.min(this.segmentUnits >>> 1, Math.max(this.segmentUnits >>> 4, MIN_LARGE_UNITS))
    this.#largeBuffers = new BufferPool(segmentBytes)
    this.#bins = new FreeBins(this.words, this.shift)
    this.clear()
  }

  /** The units of a live block. */
  units(ref: Ref): number {
    const segment = ref >>> this.shift
    const units = this.words[segment][(ref & this.unitMask) << 1] & UNITS_MASK
    return units === 0 ? this.largeUnits[segment] : units
  }

  /**
   * A block of at least `units` (2 or more), or `NULL_REF` when no free block fits and `maxCommittedUnits` is reached.
   * The owner's bits of word 0 are zero. `force` ignores the limit.
   */
  alloc(units: number, force = false): Ref {
    if (units > this.#largeAbove && this.#isLarge(units)) return this.#allocLarge(units, force)
    const first = fittingBin(units)
    if (first !== binOf(units)) {
      const near = this.#firstFit(binOf(units), units)
      if (near !== NULL_REF) return near
    }
    const bin = this.#bins.search(first)
    if (bin >= 0) return this.#carve(this.#bins.head(bin) as Ref, bin, units)
    return this.#extend(units, force)
  }

  /** Frees a live block, and merges it with free neighbours. */
  free(ref: Ref): void {
    const segment = ref >>> this.shift
    const words = this.words[segment]
    const at = (ref & this.unitMask) << 1
    let units = words[at] & UNITS_MASK
    if (units === 0) {
      this.#freeLarge(segment)
      return
    }
    this.liveUnits -= units
    const live = this.live[segment] - units
    this.live[segment] = live
    if (segment === this.#evacuated) {
      words[at] = units | FREE
      return
    }
    let start = ref & this.unitMask
    if ((words[at] & PREVIOUS_FREE) !== 0) {
      const before = words[at - 1]
      this.#unlink(segment, start - before, before)
      start -= before
      units += before
    }
    const next = start + units
    if (next < this.#end(segment)) {
      const header = words[next << 1]
      if ((header & FREE) !== 0) {
        const after = header & UNITS_MASK
        this.#unlink(segment, next, after)
        units += after
      }
    }
    if (segment === this.#scanSegment && start < this.#scanAt)
      this.#scanAt = Math.max(this.#scanAt, start + units)
    if (live === 0 && segment !== this.#current) this.#drop(segment)
    else this.#link(segment, start, units)
  }

  /** Whether a segment is being evacuated. */
  get evacuating(): boolean {
    return this.#evacuated >= 0
  }

  /**
   * Starts the evacuation of the sparsest segment: its free blocks leave the bins. False: all are more than 15/16 full,
   * and evacuating one would gain next to nothing.
   */
  beginEvacuation(): boolean {
    let sparsest = -1
    let least = this.segmentUnits - (this.segmentUnits >>> 4)
    for (let segment = 1; segment < this.words.length; segment++) {
      if (segment === this.#current || !this.isShared(segment)) continue
      if (this.live[segment] < least) {
        least = this.live[segment]
        sparsest = segment
      }
    }
    if (sparsest < 0) return false
    const words = this.words[sparsest]
    for (let at = 0; at < this.segmentUnits; ) {
      const units = words[at << 1] & UNITS_MASK
      if ((words[at << 1] & FREE) !== 0) this.#unlink(sparsest, at, units)
      at += units
    }
    this.#evacuated = sparsest
    this.#evacuatedAt = 0
    return true
  }

  /** The next live block of the evacuated segment; `NULL_REF`: there was none left, and the segment was dropped. */
  nextToMove(): Ref {
    const segment = this.#evacuated
    const words = this.words[segment]
    let at = this.#evacuatedAt
    while (at < this.segmentUnits && (words[at << 1] & FREE) !== 0) at += words[at << 1] & UNITS_MASK
    this.#evacuatedAt = at
    if (at < this.segmentUnits) return ((segment << this.shift) | at) as Ref
    this.#evacuated = -1
    this.#drop(segment)
    return NULL_REF
  }

  /** Copies the first `units` of a block of the evacuated segment to `to`, the owner's bits included, and frees it. */
  move(from: Ref, to: Ref, units: number): void {
    const source = this.words[from >>> this.shift]
    const targetSegment = to >>> this.shift
    const target = this.words[targetSegment]
    const a = (from & this.unitMask) << 1
    const b = (to & this.unitMask) << 1
    const length = units << 1
    target[b] |= source[a] & ~ARENA_BITS
    if (length > 128)
      this.bytes[from >>> this.shift].copy(
        this.bytes[targetSegment],
        (b + 1) << 2,
        (a + 1) << 2,
        (a + length) << 2,
      )
    else for (let i = 1; i < length; i++) target[b + i] = source[a + i]
    this.free(from)
  }

  /** Begins to visit all live blocks in order of address, in steps. */
  beginScan(): void {
    this.#scanSegment = 1
    this.#scanAt = 0
  }

  /**
   * Puts the next live blocks into `refs`. Blocks may be allocated, freed and moved between the steps: one that is in its
   * place from the begin to the end is found once. @returns how many there are; 0: the scan is at its end
   */
  scan(refs: Int32Array): number {
    let count = 0
    for (; this.#scanSegment < this.words.length; this.#scanSegment++, this.#scanAt = 0) {
      const segment = this.#scanSegment
      const words = this.words[segment]
      if (words.length === 0) continue
      if (this.largeUnits[segment] !== 0) {
        if (count === refs.length) return count
        refs[count++] = segment << this.shift
        continue
      }
      const end = this.#end(segment)
      let at = this.#scanAt
      for (; at < end && count < refs.length; at += words[at << 1] & UNITS_MASK)
        if ((words[at << 1] & FREE) === 0) refs[count++] = (segment << this.shift) | at
      this.#scanAt = at
      if (at < end) return count
    }
    return count
  }

  /** Frees everything at once. */
  clear(): void {
    dropMemory(this.committedUnits * UNIT_BYTES)
    this.clearSegments()
    this.#bins.clear()
    this.#current = -1
    this.#frontier = 0
    this.#frontierFlag = 0
    this.#evacuated = -1
    this.#scanSegment = 0
    this.#scanAt = 0
    this.#spare = undefined
    this.#largeBuffers.clear()
    this.liveUnits = 0
    this.committedUnits = 0
  }

  /** Visits every block of every segment in order of address. For integrity checks. */
  walk(visit: (ref: Ref, units: number, free: boolean, previousFree: boolean) => void): void {
    for (let segment = 1; segment < this.words.length; segment++) {
      if (this.largeUnits[segment] !== 0) {
        visit((segment << this.shift) as Ref, this.largeUnits[segment], false, false)
        continue
      }
      if (!this.isShared(segment)) continue
      for (let at = 0; at < this.#end(segment); ) {
        const header = this.words[segment][at << 1]
        const units = header & UNITS_MASK
        visit(
          ((segment << this.shift) | at) as Ref,
          units,
          (header & FREE) !== 0,
          (header & PREVIOUS_FREE) !== 0,
        )
        at += units
      }
    }
  }

  /** Units of the blocks in the bins, counted. For integrity checks. */
  binnedUnits(): number {
    let sum = 0
    this.#bins.forEach((ref) => {
      sum += this.#word(ref, 0) & UNITS_MASK
    })
    return sum
  }

  #word(ref: number, offset: number): number {
    return this.words[ref >>> this.shift][((ref & this.unitMask) << 1) + offset]
  }

  /** The first unit of a segment after its last block. */
  #end(segment: number): number {
    return segment === this.#current ? this.#frontier : this.segmentUnits
  }

  /** Tries the first blocks of a bin of which only some hold `units`. */
  #firstFit(bin: number, units: number): Ref {
    let ref = this.#bins.head(bin)
    for (let tries = MAX_FIRST_FIT_TRIES; ref !== 0 && tries > 0; tries--) {
      if ((this.#word(ref, 0) & UNITS_MASK) >= units) return this.#carve(ref as Ref, bin, units)
      ref = this.#word(ref, 1)
    }
    return NULL_REF
  }

  /** Takes a free block out of `bin`, and returns the units beyond `units` to the bins. */
  #carve(ref: Ref, bin: number, units: number): Ref {
    const segment = ref >>> this.shift
    const words = this.words[segment]
    const start = ref & this.unitMask
    const has = words[start << 1] & UNITS_MASK
    this.#bins.remove(bin, words, start << 1)
    const rest = has - units
    let kept = units
    if (rest >= MIN_UNITS) {
      this.#link(segment, start + units, rest)
    } else {
      kept = has
      this.#markPreviousFree(segment, start + has, false)
    }
    words[start << 1] = kept
    this.liveUnits += kept
    this.live[segment] += kept
    return ref
  }

  #extend(units: number, force: boolean): Ref {
    const fits = this.#current >= 0 && this.#frontier + units <= this.segmentUnits
    const wasted = fits || this.#current < 0 ? 0 : this.segmentUnits - this.#frontier
    if (!force && this.committedUnits + wasted + units > this.maxCommittedUnits) return NULL_REF
    if (!fits && !this.#openSegment()) return NULL_REF
    const segment = this.#current
    const start = this.#frontier
    // One unit alone cannot be a free block: the last block of a segment takes it.
    if (start + units === this.segmentUnits - 1) units++
    this.words[segment][start << 1] = units | this.#frontierFlag
    this.#frontierFlag = 0
    this.#frontier += units
    this.committedUnits += units
    this.liveUnits += units
    this.live[segment] += units
    return ((segment << this.shift) | start) as Ref
  }

  #openSegment(): boolean {
    this.#closeCurrent()
    // First, before anything changes: this throws when the machine is out of memory.
    const buffer = this.#spare ?? allocateMemory(this.segmentUnits * UNIT_BYTES)
    const segment = this.takeNumber()
    if (segment < 0) return false
    this.#spare = undefined
    this.install(segment, buffer, 0)
    this.#current = segment
    this.#frontier = 0
    this.#frontierFlag = 0
    return true
  }

  /** Makes the rest of the current segment a free block, merged with a free one before it. */
  #closeCurrent(): void {
    const segment = this.#current
    if (segment < 0) return
    const start = this.#frontier
    const left = this.segmentUnits - start
    this.#current = -1
    this.committedUnits += left
    if (left === 0) return
    // Marked as a live block, so that `free` merges it with its neighbour.
    this.words[segment][start << 1] = left | this.#frontierFlag
    this.liveUnits += left
    this.live[segment] += left
    this.free(((segment << this.shift) | start) as Ref)
  }

  /** Whether a block gets a segment of its own: always above half a segment, else if there are segment numbers enough. */
  #isLarge(units: number): boolean {
    if (units > this.segmentUnits >>> 1) return true
    return this.numbersLeft * this.segmentUnits >= this.maxCommittedUnits - this.committedUnits
  }

  #allocLarge(units: number, force: boolean): Ref {
    if (!force && this.committedUnits + units > this.maxCommittedUnits) return NULL_REF
    const buffer = this.#largeBuffers.take(units * UNIT_BYTES) ?? new ArrayBuffer(units * UNIT_BYTES)
    const segment = this.takeNumber()
    if (segment < 0) return NULL_REF
    this.install(segment, buffer, units)
    this.words[segment][0] = 0
    this.committedUnits += this.words[segment].length >>> 1
    this.liveUnits += units
    return (segment << this.shift) as Ref
  }

  #freeLarge(segment: number): void {
    const words = this.words[segment]
    this.liveUnits -= this.largeUnits[segment]
    this.committedUnits -= words.length >>> 1
    this.#largeBuffers.put(words.buffer as ArrayBuffer)
    this.uninstall(segment)
  }

  /** Drops a segment without live blocks and without blocks in bins. */
  #drop(segment: number): void {
    if (segment === this.#scanSegment) this.#scanAt = 0
    this.committedUnits -= this.segmentUnits
    if (this.#spare === undefined) this.#spare = this.words[segment].buffer
    else dropMemory(this.segmentUnits * UNIT_BYTES)
    this.uninstall(segment)
  }

  #link(segment: number, start: number, units: number): void {
    const words = this.words[segment]
    words[start << 1] = units | FREE
    words[((start + units) << 1) - 1] = units
    this.#bins.add(binOf(units), (segment << this.shift) | start, words, start << 1)
    this.#markPreviousFree(segment, start + units, true)
  }

  #unlink(segment: number, start: number, units: number): void {
    this.#bins.remove(binOf(units), this.words[segment], start << 1)
  }

  #markPreviousFree(segment: number, at: number, free: boolean): void {
    if (segment === this.#current && at === this.#frontier) this.#frontierFlag = free ? PREVIOUS_FREE : 0
    else if (at < this.segmentUnits) {
      if (free) this.words[segment][at << 1] |= PREVIOUS_FREE
      else this.words[segment][at << 1] &= ~PREVIOUS_FREE
    }
  }
}

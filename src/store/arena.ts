// The allocator: blocks of 8-byte units in off-heap segments, O(1), coalescing, and emptied segment by segment.

import { BufferPool } from './buffer-pool.ts'

/*
 * A segment is one ArrayBuffer, seen as Int32 words and as bytes. The operating system commits its pages as
 * the frontier first passes them, so a segment costs what was used of it.
 *
 *   segment    | block | block | free | block | …… | frontier → not touched yet |
 *
 *   live block | w0: units, flags | w1 … owner's words and bytes …                |   w = Int32 word
 *   free block | w0: units, FREE  | w1: next free | w2: previous free | … | units |   at least 2 units
 *
 *   w0         | 31 …… 22: the owner's bits | 21: PREVIOUS_FREE | 20: FREE | 19 …… 0: units (0: a span) |
 *
 * Free neighbours are always merged: the last word of a free block and PREVIOUS_FREE are Knuth's boundary tags.
 * Free blocks wait in bins: one bin per size below 128 units, then 16 bins per power of two, with a bitmap over
 * them, so that finding the first bin whose every block fits takes two `clz32` (TLSF: Masmano et al., 2004).
 * Above 128 units the first blocks of the bin below are looked at before. So a same-size workload reuses its holes
 * exactly; a mixed one splits the smallest sufficient bin.
 *
 * A block above a sixteenth of a segment is a span: a segment of its own, of its size. Blocks below that waste less
 * than a sixteenth of a segment even when all are of one size that does not divide it. Spans use up segment numbers:
 * while those are too few for what the limit allows, only blocks above half a segment are spans.
 *
 * Blocks may move: when the holes of a mixed workload are of no use, the sparsest segment is emptied into the
 * others (`beginEvacuation`, `nextToMove`, `move`) and reused whole. That is what bounds fragmentation.
 *
 * A reference is `segment << shift | unit`, an int32. Segment 0 is never used, so that 0 is null.
 */

declare const refBrand: unique symbol

/** A block's address: `segment << shift | unit`. Valid until the block is freed or moved. */
export type Ref = number & { readonly [refBrand]: true }

export const NULL_REF = 0 as Ref
export const UNIT_BYTES = 8

const UNITS_MASK = 0xfffff
const FREE = 1 << 20
const PREVIOUS_FREE = 1 << 21
/** The lowest of the bits of word 0 that belong to the block's owner. */
export const OWNER_SHIFT = 22
const ARENA_BITS = (1 << OWNER_SHIFT) - 1

const LINEAR_BINS = 128
const BINS_PER_DOUBLING = 16
const DOUBLINGS = 13
const BINS = LINEAR_BINS + DOUBLINGS * BINS_PER_DOUBLING
const MIN_UNITS = 2
/** Blocks looked at in a bin whose blocks are of several sizes, where those of just this size wait. */
const MAX_FIRST_FIT_TRIES = 8

/** Smaller spans would cost more in JavaScript objects than they save. */
const MIN_LARGE_UNITS = (16 * 1024) / UNIT_BYTES

const NO_WORDS = new Int32Array(0)
const NO_BYTES = Buffer.alloc(0)
const NO_VIEW = new DataView(new ArrayBuffer(0))

function binOf(units: number): number {
  if (units < LINEAR_BINS) return units
  const log = 31 - Math.clz32(units)
  return LINEAR_BINS + ((log - 7) << 4) + ((units >>> (log - 4)) & 15)
}

/** The first bin whose every block holds `units`. */
function fittingBin(units: number): number {
  if (units < LINEAR_BINS) return units
  const log = 31 - Math.clz32(units)
  return binOf(units + (1 << (log - 4)) - 1)
}

export class Arena {
  /** Per segment, its memory in three ways; all empty when the segment number is not in use. */
  readonly words: Int32Array[] = []
  readonly bytes: Buffer[] = []
  readonly views: DataView[] = []
  /** A reference is `segment << shift | unit`. */
  readonly shift: number
  readonly unitMask: number
  readonly segmentUnits: number
  readonly #maxSegments: number
  readonly #largeAbove: number
  readonly #largeBuffers: BufferPool
  /** Units in live blocks. */
  liveUnits = 0
  /** Units that were ever touched in the segments held: what the process has committed. */
  committedUnits = 0
  /** `alloc` does not raise the footprint above this many units. */
  maxCommittedUnits = Number.POSITIVE_INFINITY
  readonly #live: number[] = []
  readonly #largeUnits: number[] = []
  readonly #unused: number[] = []
  readonly #heads = new Int32Array(BINS)
  readonly #bitmap = new Int32Array((BINS + 31) >> 5)
  #summary = 0
  #current = -1
  #frontier = 0
  /** PREVIOUS_FREE when the last block before the frontier is free. */
  #frontierFlag = 0
  /** The segment being emptied: what is freed there goes to no bin. -1: none. */
  #evacuated = -1
  #evacuatedAt = 0
  /** An emptied segment, kept for the next one wanted. */
  #spare: ArrayBuffer | undefined

  /** @param segmentBytes a power of two, 4 MiB at most */
  constructor(segmentBytes: number) {
    this.segmentUnits = segmentBytes / UNIT_BYTES
    this.shift = 31 - Math.clz32(this.segmentUnits)
    this.unitMask = this.segmentUnits - 1
    this.#maxSegments = 2 ** (32 - this.shift)
    this.#largeAbove = Math.min(this.segmentUnits >>> 1, Math.max(this.segmentUnits >>> 4, MIN_LARGE_UNITS))
    this.#largeBuffers = new BufferPool(segmentBytes)
    this.clear()
  }

  get segmentCount(): number {
    return this.words.length - 1 - this.#unused.length
  }

  units(ref: Ref): number {
    const segment = ref >>> this.shift
    const units = this.words[segment][(ref & this.unitMask) << 1] & UNITS_MASK
    return units === 0 ? this.#largeUnits[segment] : units
  }

  /**
   * A block of `units` (at least 2), or `NULL_REF` when no free block fits and the footprint may not grow.
   * Word 0 of the block has the owner's bits zero. `force` lets the footprint pass the limit.
   */
  alloc(units: number, force = false): Ref {
    if (units > this.#largeAbove && this.#isLarge(units)) return this.#allocLarge(units, force)
    const first = fittingBin(units)
    if (first !== binOf(units)) {
      const near = this.#firstFit(binOf(units), units)
      if (near !== NULL_REF) return near
    }
    const bin = this.#search(first)
    if (bin >= 0) return this.#carve(this.#heads[bin] as Ref, bin, units)
    return this.#extend(units, force)
  }

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
    const live = this.#live[segment] - units
    this.#live[segment] = live
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
    if (live === 0 && segment !== this.#current) this.#drop(segment)
    else this.#link(segment, start, units)
  }

  /** Whether a segment is being emptied. */
  get evacuating(): boolean {
    return this.#evacuated >= 0
  }

  /**
   * Starts emptying the sparsest segment: its free blocks leave the bins. False when none is sparse enough
   * (above 15/16 full, emptying one would gain next to nothing).
   */
  beginEvacuation(): boolean {
    let sparsest = -1
    let least = this.segmentUnits - (this.segmentUnits >>> 4)
    for (let segment = 1; segment < this.words.length; segment++) {
      if (segment === this.#current || this.#largeUnits[segment] !== 0 || this.words[segment] === NO_WORDS)
        continue
      if (this.#live[segment] < least) {
        least = this.#live[segment]
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

  /** The next live block of the segment being emptied, or `NULL_REF` when it is empty and was dropped. */
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

  /** Copies the first `units` of a block of the segment being emptied into `to`, owner's bits included, and frees it. */
  move(from: Ref, to: Ref, units: number): void {
    const source = this.words[from >>> this.shift]
    const target = this.words[to >>> this.shift]
    const a = (from & this.unitMask) << 1
    const b = (to & this.unitMask) << 1
    const length = units << 1
    target[b] |= source[a] & ~ARENA_BITS
    if (length > 128) target.set(source.subarray(a + 1, a + length), b + 1)
    else for (let i = 1; i < length; i++) target[b + i] = source[a + i]
    this.free(from)
  }

  /** Frees everything at once. */
  clear(): void {
    this.words.length = 1
    this.bytes.length = 1
    this.views.length = 1
    this.words[0] = NO_WORDS
    this.bytes[0] = NO_BYTES
    this.views[0] = NO_VIEW
    this.#live.length = 1
    this.#largeUnits.length = 1
    this.#live[0] = 0
    this.#largeUnits[0] = 0
    this.#unused.length = 0
    this.#heads.fill(0)
    this.#bitmap.fill(0)
    this.#summary = 0
    this.#current = -1
    this.#frontier = 0
    this.#frontierFlag = 0
    this.#evacuated = -1
    this.#spare = undefined
    this.#largeBuffers.clear()
    this.liveUnits = 0
    this.committedUnits = 0
  }

  /** Calls `visit` with every block of every segment in order of address; for checks of integrity. */
  walk(visit: (ref: Ref, units: number, free: boolean, previousFree: boolean) => void): void {
    for (let segment = 1; segment < this.words.length; segment++) {
      if (this.words[segment] === NO_WORDS) continue
      if (this.#largeUnits[segment] !== 0) {
        visit((segment << this.shift) as Ref, this.#largeUnits[segment], false, false)
        continue
      }
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

  /** Units waiting in the bins, counted; for checks of integrity. */
  binnedUnits(): number {
    let sum = 0
    for (let bin = 0; bin < BINS; bin++) {
      for (let ref = this.#heads[bin]; ref !== 0; ref = this.#word(ref, 1))
        sum += this.#word(ref, 0) & UNITS_MASK
    }
    return sum
  }

  #word(ref: number, offset: number): number {
    return this.words[ref >>> this.shift][((ref & this.unitMask) << 1) + offset]
  }

  /** The first unit of `segment` that no block covers. */
  #end(segment: number): number {
    return segment === this.#current ? this.#frontier : this.segmentUnits
  }

  #search(from: number): number {
    let group = from >>> 5
    const here = this.#bitmap[group] & (-1 << (from & 31))
    if (here !== 0) return (group << 5) + 31 - Math.clz32(here & -here)
    const above = this.#summary & (-2 << group)
    if (above === 0) return -1
    group = 31 - Math.clz32(above & -above)
    const bits = this.#bitmap[group]
    return (group << 5) + 31 - Math.clz32(bits & -bits)
  }

  /** Looks for room among the first of a bin of which only some blocks hold `units`. */
  #firstFit(bin: number, units: number): Ref {
    let ref = this.#heads[bin]
    for (let tries = MAX_FIRST_FIT_TRIES; ref !== 0 && tries > 0; tries--) {
      if ((this.#word(ref, 0) & UNITS_MASK) >= units) return this.#carve(ref as Ref, bin, units)
      ref = this.#word(ref, 1)
    }
    return NULL_REF
  }

  /** Takes a free block of `bin`, keeps `units` of it and gives the rest back. */
  #carve(ref: Ref, bin: number, units: number): Ref {
    const segment = ref >>> this.shift
    const words = this.words[segment]
    const start = ref & this.unitMask
    const has = words[start << 1] & UNITS_MASK
    this.#unlinkFrom(bin, words, start)
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
    this.#live[segment] += kept
    return ref
  }

  #extend(units: number, force: boolean): Ref {
    const fits = this.#current >= 0 && this.#frontier + units <= this.segmentUnits
    const wasted = fits || this.#current < 0 ? 0 : this.segmentUnits - this.#frontier
    if (!force && this.committedUnits + wasted + units > this.maxCommittedUnits) return NULL_REF
    if (!fits && !this.#openSegment()) return NULL_REF
    const segment = this.#current
    const start = this.#frontier
    // A single unit cannot be a free block: the last block of a segment takes it.
    if (start + units === this.segmentUnits - 1) units++
    this.words[segment][start << 1] = units | this.#frontierFlag
    this.#frontierFlag = 0
    this.#frontier += units
    this.committedUnits += units
    this.liveUnits += units
    this.#live[segment] += units
    return ((segment << this.shift) | start) as Ref
  }

  #openSegment(): boolean {
    this.#closeCurrent()
    // First of all: it throws when the machine has no memory.
    const buffer = this.#spare ?? new ArrayBuffer(this.segmentUnits * UNIT_BYTES)
    const segment = this.#takeNumber()
    if (segment < 0) return false
    this.#spare = undefined
    this.#install(segment, buffer, 0)
    this.#current = segment
    this.#frontier = 0
    this.#frontierFlag = 0
    return true
  }

  /** What the current segment has left becomes a free block, merged with a free one before it. */
  #closeCurrent(): void {
    const segment = this.#current
    if (segment < 0) return
    const start = this.#frontier
    const left = this.segmentUnits - start
    this.#current = -1
    this.committedUnits += left
    if (left === 0) return
    // A live block for an instant, so that `free` does the merging.
    this.words[segment][start << 1] = left | this.#frontierFlag
    this.liveUnits += left
    this.#live[segment] += left
    this.free(((segment << this.shift) | start) as Ref)
  }

  /** Whether a block is to be a span: always above half a segment, below that if segment numbers are plenty. */
  #isLarge(units: number): boolean {
    if (units > this.segmentUnits >>> 1) return true
    const numbersLeft = this.#maxSegments - this.words.length + this.#unused.length - 1
    return numbersLeft * this.segmentUnits >= this.maxCommittedUnits - this.committedUnits
  }

  #allocLarge(units: number, force: boolean): Ref {
    if (!force && this.committedUnits + units > this.maxCommittedUnits) return NULL_REF
    const buffer = this.#largeBuffers.take(units * UNIT_BYTES) ?? new ArrayBuffer(units * UNIT_BYTES)
    const segment = this.#takeNumber()
    if (segment < 0) return NULL_REF
    this.#install(segment, buffer, units)
    this.words[segment][0] = 0
    this.committedUnits += this.words[segment].length >>> 1
    this.liveUnits += units
    return (segment << this.shift) as Ref
  }

  #freeLarge(segment: number): void {
    const words = this.words[segment]
    this.liveUnits -= this.#largeUnits[segment]
    this.committedUnits -= words.length >>> 1
    this.#largeBuffers.put(words.buffer as ArrayBuffer)
    this.#uninstall(segment)
  }

  #takeNumber(): number {
    const reused = this.#unused.pop()
    if (reused !== undefined) return reused
    return this.words.length < this.#maxSegments ? this.words.length : -1
  }

  #install(segment: number, buffer: ArrayBuffer, span: number): void {
    this.words[segment] = new Int32Array(buffer)
    this.bytes[segment] = Buffer.from(buffer)
    this.views[segment] = new DataView(buffer)
    this.#live[segment] = 0
    this.#largeUnits[segment] = span
  }

  #uninstall(segment: number): void {
    this.words[segment] = NO_WORDS
    this.bytes[segment] = NO_BYTES
    this.views[segment] = NO_VIEW
    this.#largeUnits[segment] = 0
    this.#live[segment] = 0
    this.#unused.push(segment)
  }

  /** Lets go of a segment that holds no live block and is in no bin. */
  #drop(segment: number): void {
    this.committedUnits -= this.segmentUnits
    this.#spare ??= this.words[segment].buffer as ArrayBuffer
    this.#uninstall(segment)
  }

  #link(segment: number, start: number, units: number): void {
    const words = this.words[segment]
    const at = start << 1
    const bin = binOf(units)
    const head = this.#heads[bin]
    const ref = (segment << this.shift) | start
    words[at] = units | FREE
    words[at + 1] = head
    words[at + 2] = 0
    words[((start + units) << 1) - 1] = units
    if (head !== 0) this.words[head >>> this.shift][((head & this.unitMask) << 1) + 2] = ref
    this.#heads[bin] = ref
    this.#bitmap[bin >>> 5] |= 1 << (bin & 31)
    this.#summary |= 1 << (bin >>> 5)
    this.#markPreviousFree(segment, start + units, true)
  }

  #unlink(segment: number, start: number, units: number): void {
    this.#unlinkFrom(binOf(units), this.words[segment], start)
  }

  #unlinkFrom(bin: number, words: Int32Array, start: number): void {
    const next = words[(start << 1) + 1]
    const previous = words[(start << 1) + 2]
    if (next !== 0) this.words[next >>> this.shift][((next & this.unitMask) << 1) + 2] = previous
    if (previous !== 0) {
      this.words[previous >>> this.shift][((previous & this.unitMask) << 1) + 1] = next
      return
    }
    this.#heads[bin] = next
    if (next !== 0) return
    this.#bitmap[bin >>> 5] &= ~(1 << (bin & 31))
    if (this.#bitmap[bin >>> 5] === 0) this.#summary &= ~(1 << (bin >>> 5))
  }

  #markPreviousFree(segment: number, at: number, free: boolean): void {
    if (segment === this.#current && at === this.#frontier) this.#frontierFlag = free ? PREVIOUS_FREE : 0
    else if (at < this.segmentUnits) {
      if (free) this.words[segment][at << 1] |= PREVIOUS_FREE
      else this.words[segment][at << 1] &= ~PREVIOUS_FREE
    }
  }
}

// The free blocks of an arena in bins by size: finds the first bin whose every block fits in constant time.

/*
 *   bin 0 … 127      blocks of exactly this many units
 *   bin 128 …        16 bins per power of two: 128–135 units, 136–143, …, 256–271, …
 *
 * A bin is a doubly linked list through the free blocks: their word 1 is the next one, word 2 the previous one. One bit
 * per bin, and one bit per 32 bins, tell which are not empty, so the search takes two `clz32` (TLSF: Masmano et al.,
 * 2004).
 */

const EXACT_BINS = 128
const BINS_PER_DOUBLING = 16
const DOUBLINGS = 13
const BINS = EXACT_BINS + DOUBLINGS * BINS_PER_DOUBLING

/** The bin of a free block. */
export function binOf(units: number): number {
  if (units < EXACT_BINS) return units
  const log = 31 - Math.clz32(units)
  return EXACT_BINS + ((log - 7) << 4) + ((units >>> (log - 4)) & 15)
}

/** The first bin whose every block holds `units`. */
export function fittingBin(units: number): number {
  if (units < EXACT_BINS) return units
  const log = 31 - Math.clz32(units)
  return binOf(units + (1 << (log - 4)) - 1)
}

export class FreeBins {
  readonly #heads = new Int32Array(BINS)
  readonly #bitmap = new Int32Array((BINS + 31) >> 5)
  #summary = 0
  readonly #words: readonly Int32Array[]
  readonly #shift: number
  readonly #unitMask: number

  /**
   * @param words the memory of the segments
   * @param shift a reference is `segment << shift | unit`
   */
  constructor(words: readonly Int32Array[], shift: number) {
    this.#words = words
    this.#shift = shift
    this.#unitMask = (1 << shift) - 1
  }

  /** The first block of a bin; 0: the bin is empty. */
  head(bin: number): number {
    return this.#heads[bin]
  }

  /** The first bin from `from` on that is not empty; -1: none. */
  search(from: number): number {
    let group = from >>> 5
    const here = this.#bitmap[group] & (-1 << (from & 31))
    if (here !== 0) return (group << 5) + 31 - Math.clz32(here & -here)
    const above = this.#summary & (-2 << group)
    if (above === 0) return -1
    group = 31 - Math.clz32(above & -above)
    const bits = this.#bitmap[group]
    return (group << 5) + 31 - Math.clz32(bits & -bits)
  }

  /** Adds the block `ref` to a bin. `words` is the memory of its segment, `at` its first word. */
  add(bin: number, ref: number, words: Int32Array, at: number): void {
    const head = this.#heads[bin]
    words[at + 1] = head
    words[at + 2] = 0
    if (head !== 0) this.#words[head >>> this.#shift][((head & this.#unitMask) << 1) + 2] = ref
    this.#heads[bin] = ref
    this.#bitmap[bin >>> 5] |= 1 << (bin & 31)
    this.#summary |= 1 << (bin >>> 5)
  }

  /** Removes the block that begins at `words[at]` from its bin. */
  remove(bin: number, words: Int32Array, at: number): void {
    const next = words[at + 1]
    const previous = words[at + 2]
    if (next !== 0) this.#words[next >>> this.#shift][((next & this.#unitMask) << 1) + 2] = previous
    if (previous !== 0) {
      this.#words[previous >>> this.#shift][((previous & this.#unitMask) << 1) + 1] = next
      return
    }
    this.#heads[bin] = next
    if (next !== 0) return
    this.#bitmap[bin >>> 5] &= ~(1 << (bin & 31))
    if (this.#bitmap[bin >>> 5] === 0) this.#summary &= ~(1 << (bin >>> 5))
  }

  clear(): void {
    this.#heads.fill(0)
    this.#bitmap.fill(0)
    this.#summary = 0
  }

  /** Visits every block of every bin. For integrity checks. */
  forEach(visit: (ref: number) => void): void {
    for (let bin = 0; bin < BINS; bin++) {
      for (let ref = this.#heads[bin]; ref !== 0; ) {
        visit(ref)
        ref = this.#words[ref >>> this.#shift][((ref & this.#unitMask) << 1) + 1]
      }
    }
  }
}

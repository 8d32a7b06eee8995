// Sorts numbers by keys: radix sort, which compares nothing.

const DIGIT_BITS = 8
const DIGITS = 1 << DIGIT_BITS
const EMPTY = new Int32Array(0)

/** Pairs of a key, at least 0, and a value. */
export class Sorter {
  keys: Int32Array = EMPTY
  values: Int32Array = EMPTY
  #otherKeys: Int32Array = EMPTY
  #otherValues: Int32Array = EMPTY
  readonly #ends = new Int32Array(DIGITS)

  /** Makes room for so many pairs. */
  reserve(count: number): void {
    if (count <= this.keys.length) return
    this.keys = new Int32Array(count)
    this.values = new Int32Array(count)
    this.#otherKeys = new Int32Array(count)
    this.#otherValues = new Int32Array(count)
  }

  /** Sorts the first `count` pairs in ascending order of their keys, and reduces the keys by the least one. */
  sort(count: number): void {
    const { keys } = this
    let least = 2 ** 31 - 1
    for (let i = 0; i < count; i++) least = Math.min(least, keys[i])
    let range = 0
    for (let i = 0; i < count; i++) {
      keys[i] -= least
      range |= keys[i]
    }
    for (let shift = 0; shift < 31 && range >>> shift !== 0; shift += DIGIT_BITS) this.#sortBy(shift, count)
  }

  #sortBy(shift: number, count: number): void {
    const { keys, values } = this
    const toKeys = this.#otherKeys
    const toValues = this.#otherValues
    const ends = this.#ends
    ends.fill(0)
    for (let i = 0; i < count; i++) ends[(keys[i] >>> shift) & (DIGITS - 1)]++
    for (let i = 0, sum = 0; i < DIGITS; i++) {
      const length = ends[i]
      ends[i] = sum
      sum += length
    }
    for (let i = 0; i < count; i++) {
      const to = ends[(keys[i] >>> shift) & (DIGITS - 1)]++
      toKeys[to] = keys[i]
      toValues[to] = values[i]
    }
    this.keys = toKeys
    this.values = toValues
    this.#otherKeys = keys
    this.#otherValues = values
  }
}

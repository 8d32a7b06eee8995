// A HyperLogLog that is being changed, in a buffer of its own: the encodings and their conversion.

import {
  DENSE,
  DENSE_BYTES,
  HEADER_BYTES,
  invalidateCardinality,
  isDense,
  REGISTERS,
  raiseRegister,
  readRegister,
  SPARSE,
  writeHeader,
} from './layout.ts'
import {
  forEachRun,
  isLongRun,
  isValueRun,
  lengthOfRun,
  MAX_SPARSE_VALUE,
  MAX_VALUE_RUN,
  valueOfRun,
  writeValues,
  writeZeros,
} from './runs.ts'

/** A register adds at most this many bytes to a sparse one. */
const SPARE_BYTES = 3
/** Buffers above this size are not kept. */
const MAX_KEPT_BYTES = 65_536
/** After a change, this many runs are searched for runs of the same value that can be joined. */
const JOINED_RUNS = 5

/** The outcome of `raise`. */
export const CORRUPT = -1
const UNCHANGED = 0
export const CHANGED = 1

/** The sketch is `bytes[0, length)`. One object is used for all commands: it allocates only for large values. */
export class Sketch {
  bytes: Buffer = Buffer.alloc(DENSE_BYTES + SPARE_BYTES)
  length = 0
  /** The replacement of a run. */
  readonly #sequence = new Uint8Array(5)

  /** Makes it an empty one. */
  clear(): void {
    writeHeader(this.bytes, 0, SPARSE)
    this.length = writeZeros(this.bytes, HEADER_BYTES, REGISTERS)
  }

  /** Makes it a copy of `source[start, end)`, for which `isSketch` holds. */
  copyFrom(source: Uint8Array, start: number, end: number): void {
    const length = end - start
    const isLarge = length > MAX_KEPT_BYTES
    if (this.bytes.length < length + SPARE_BYTES || (this.bytes.length > MAX_KEPT_BYTES && !isLarge))
      this.bytes = Buffer.alloc(Math.max(length, DENSE_BYTES) + SPARE_BYTES)
    this.bytes.set(source.subarray(start, end))
    this.length = length
  }

  get isDense(): boolean {
    return isDense(this.bytes, 0)
  }

  /**
   * Raises a register to `value` if it is lower.
   *
   * @param maxSparseBytes a longer sparse one becomes dense (Redis: `hll-sparse-max-bytes`)
   */
  raise(index: number, value: number, maxSparseBytes: number): number {
    if (this.isDense) return raiseRegister(this.bytes, 0, index, value) ? CHANGED : UNCHANGED
    if (value > MAX_SPARSE_VALUE) return this.#raiseDense(index, value)
    const { bytes, length } = this
    let previous = -1
    let at = HEADER_BYTES
    let first = 0
    let span = 0
    while (at < length) {
      span = lengthOfRun(bytes, at, length)
      if (index < first + span) break
      previous = at
      at += isLongRun(bytes[at]) ? 2 : 1
      first += span
    }
    if (span === 0 || at >= length) return CORRUPT
    const old = valueOfRun(bytes[at])
    if (old >= value) return UNCHANGED
    const isLong = isLongRun(bytes[at])
    if (span === 1 && !isLong) writeValues(bytes, at, 1, value)
    else {
      const size = this.#split(index - first, first + span - 1 - index, old, value)
      const added = size - (isLong ? 2 : 1)
      if (added > 0 && length + added > maxSparseBytes) return this.#raiseDense(index, value)
      bytes.copyWithin(at + size, at + size - added, length)
      for (let i = 0; i < size; i++) bytes[at + i] = this.#sequence[i]
      this.length = length + added
    }
    this.#joinRuns(previous < 0 ? HEADER_BYTES : previous)
    invalidateCardinality(bytes, 0)
    return CHANGED
  }

  /** Makes a sparse one dense. False: it is corrupt, and nothing has changed. */
  makeDense(): boolean {
    if (this.isDense) return true
    const { bytes, length } = this
    const dense = Buffer.alloc(DENSE_BYTES + SPARE_BYTES)
    bytes.copy(dense, 0, 0, HEADER_BYTES)
    dense[4] = DENSE
    const covered = forEachRun(bytes, 0, length, (first, count, value) => {
      if (value !== 0) for (let i = first; i < first + count; i++) raiseRegister(dense, 0, i, value)
    })
    if (covered !== REGISTERS) return false
    this.bytes = dense
    this.length = DENSE_BYTES
    return true
  }

  #raiseDense(index: number, value: number): number {
    if (!this.makeDense()) return CORRUPT
    raiseRegister(this.bytes, 0, index, value)
    return CHANGED
  }

  /** The runs that replace one of `old`, in which `value` has `before` and `after` registers around it. Returns their size. */
  #split(before: number, after: number, old: number, value: number): number {
    const sequence = this.#sequence
    const write = (at: number, length: number): number => {
      if (length === 0) return at
      return old === 0 ? writeZeros(sequence, at, length) : writeValues(sequence, at, length, old)
    }
    return write(writeValues(sequence, write(0, before), 1, value), after)
  }

  /** Joins adjacent runs of one value from `at` on, as far as Redis does: its bytes are to be the same. */
  #joinRuns(from: number): void {
    const { bytes } = this
    let at = from
    for (let left = JOINED_RUNS; left > 0 && at < this.length; left--) {
      if (!isValueRun(bytes[at])) {
        at += isLongRun(bytes[at]) ? 2 : 1
        continue
      }
      const isPair = at + 1 < this.length && isValueRun(bytes[at + 1])
      const length = isPair
        ? lengthOfRun(bytes, at, this.length) + lengthOfRun(bytes, at + 1, this.length)
        : 0
      const value = valueOfRun(bytes[at])
      if (isPair && value === valueOfRun(bytes[at + 1]) && length <= MAX_VALUE_RUN) {
        writeValues(bytes, at + 1, length, value)
        bytes.copyWithin(at, at + 1, this.length)
        this.length = this.length - 1
      } else at++
    }
  }
}

/** Raises `registers`, of one byte each, to those of `bytes[start, end)`. False: it is corrupt. */
export function mergeInto(registers: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (!isDense(bytes, start)) {
    const covered = forEachRun(bytes, start, end, (first, length, value) => {
      if (value !== 0)
        for (let i = first; i < first + length; i++) if (registers[i] < value) registers[i] = value
    })
    return covered === REGISTERS
  }
  for (let i = 0; i < REGISTERS; i++) {
    const value = readRegister(bytes, start, i)
    if (value > registers[i]) registers[i] = value
  }
  return true
}

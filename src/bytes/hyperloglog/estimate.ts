// The cardinality that registers stand for.
//
// Source: O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284.

import { DENSE_BYTES, HEADER_BYTES, isDense, MAX_RANK, REGISTERS } from './layout.ts'
import { forEachRun } from './runs.ts'

const ALPHA: number = 0.5 / Math.LN2

/** How many registers have each value, of 6 bits. */
const counts = new Int32Array(64)

/**
 * The cardinality of `bytes[start, end)`; -1: its registers are corrupt; `Infinity`: beyond int64, as only registers give
 * that additions cannot produce.
 */
export function estimate(bytes: Uint8Array, start: number, end: number): number {
  counts.fill(0)
  if (isDense(bytes, start)) countDense(bytes, start)
  else if (!countSparse(bytes, start, end)) return -1
  return estimateCounts()
}

/** The cardinality of registers of one byte each. */
export function estimateRegisters(registers: Uint8Array): number {
  counts.fill(0)
  for (let i = 0; i < REGISTERS; i++) counts[registers[i] & 63]++
  return estimateCounts()
}

function countDense(bytes: Uint8Array, start: number): void {
  for (let at = start + HEADER_BYTES; at < start + DENSE_BYTES; at += 3) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
    counts[four & 63]++
    counts[(four >>> 6) & 63]++
    counts[(four >>> 12) & 63]++
    counts[four >>> 18]++
  }
}

/** False: the runs do not cover all registers. */
function countSparse(bytes: Uint8Array, start: number, end: number): boolean {
  const covered = forEachRun(bytes, start, end, (_, length, value) => {
    counts[value] += length
  })
  return covered === REGISTERS
}

function estimateCounts(): number {
  let z = REGISTERS * tau((REGISTERS - counts[MAX_RANK]) / REGISTERS)
  for (let value = MAX_RANK - 1; value >= 1; value--) z = (z + counts[value]) * 0.5
  z += REGISTERS * sigma(counts[0] / REGISTERS)
  const cardinality = Math.round((ALPHA * REGISTERS * REGISTERS) / z)
  return cardinality < 2 ** 63 ? cardinality : Infinity
}

function sigma(fraction: number): number {
  if (fraction === 1) return Number.POSITIVE_INFINITY
  let x = fraction
  let y = 1
  let z = x
  for (;;) {
    x *= x
    const before = z
    z += x * y
    if (z === before) return z
    y += y
  }
}

function tau(fraction: number): number {
  if (fraction === 0 || fraction === 1) return 0
  let x = fraction
  let y = 1
  let z = 1 - x
  for (;;) {
    x = Math.sqrt(x)
    const before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
    if (z === before) return z / 3
  }
}

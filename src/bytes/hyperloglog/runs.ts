// The runs of registers of a sparse HyperLogLog, see `layout.ts`.

import { HEADER_BYTES, REGISTERS } from './layout.ts'

/** The longest runs of one byte, and the largest value of one. */
const MAX_ZERO_RUN = 64
export const MAX_VALUE_RUN = 4
export const MAX_SPARSE_VALUE = 32

const KIND = 0xc0
const XZERO = 0x40
const VALUE = 0x80

export function isValueRun(byte: number): boolean {
  return (byte & VALUE) !== 0
}

/** Whether it is a run of zeros that takes two bytes. */
export function isLongRun(byte: number): boolean {
  return (byte & KIND) === XZERO
}

/** Registers of the run at `bytes[at]`. A corrupt one may lack its second byte before `end`: Redis reads 0 there. */
export function lengthOfRun(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at]
  if (isValueRun(byte)) return (byte & 3) + 1
  return isLongRun(byte) ? (((byte & 0x3f) << 8) | (at + 1 < end ? bytes[at + 1] : 0)) + 1 : byte + 1
}

/** The value of the registers of a run that starts with this byte. */
export function valueOfRun(byte: number): number {
  return isValueRun(byte) ? ((byte >>> 2) & 0x1f) + 1 : 0
}

/** Writes a run of zeros; returns where it ends. */
export function writeZeros(bytes: Uint8Array, at: number, length: number): number {
  if (length <= MAX_ZERO_RUN) {
    bytes[at] = length - 1
    return at + 1
  }
  bytes[at] = ((length - 1) >>> 8) | XZERO
  bytes[at + 1] = (length - 1) & 0xff
  return at + 2
}

/** Writes a run of a value; returns where it ends. */
export function writeValues(bytes: Uint8Array, at: number, length: number, value: number): number {
  bytes[at] = VALUE | ((value - 1) << 2) | (length - 1)
  return at + 1
}

/**
 * Visits the runs of the sparse `bytes[start, end)`: the first register, how many, and their value. Stops before a value
 * beyond the last register. Returns the number of registers; if it is not `REGISTERS`, the runs are corrupt.
 */
export function forEachRun(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (first: number, length: number, value: number) => void,
): number {
  let first = 0
  for (let at = start + HEADER_BYTES; at < end; at += isLongRun(bytes[at]) ? 2 : 1) {
    const length = lengthOfRun(bytes, at, end)
    const value = valueOfRun(bytes[at])
    if (value !== 0 && first + length > REGISTERS) return -1
    visit(first, length, value)
    first += length
  }
  return first
}

// The IDs of stream entries: 64 bits of milliseconds and a sequence number of 64 bits, as one number of 128 bits.

import { writeInteger } from '../../../bytes/numbers/decimal.ts'

export type StreamId = bigint

const PART_BITS = 64n

/** The largest milliseconds, and the largest sequence number. */
export const MAX_PART: bigint = 2n ** PART_BITS - 1n
export const MIN_ID: StreamId = 0n
export const MAX_ID: StreamId = 2n ** (2n * PART_BITS) - 1n

/** Bytes of an ID in memory. */
export const ID_BYTES = 16

const TWO_32 = 2 ** 32
/** Below it, 64 bits are a safe integer. */
const SAFE_HIGH = 2 ** 21
const DASH = 0x2d

/** An ID as four words of 32 bits, the most significant one first: without numbers that are objects. */
export type IdWords = Int32Array

export const ID_WORDS = 4

export function streamId(milliseconds: bigint, sequence: bigint): StreamId {
  return (milliseconds << PART_BITS) | sequence
}

export function millisecondsOf(id: StreamId): bigint {
  return id >> PART_BITS
}

export function sequenceOf(id: StreamId): bigint {
  return id & MAX_PART
}

/** Copies an ID. For so few words `set` costs several times as much. */
export function copyId(from: IdWords, to: IdWords): void {
  for (let word = 0; word < ID_WORDS; word++) to[word] = from[word]
}

/** Compares two IDs: negative, 0 or positive. */
export function compareIds(a: IdWords, b: IdWords): number {
  for (let word = 0; word < ID_WORDS; word++)
    if (a[word] !== b[word]) return a[word] >>> 0 < b[word] >>> 0 ? -1 : 1
  return 0
}

/** Makes an ID the next one. False: it is the last one, and has become the first. */
export function incrementId(id: IdWords): boolean {
  for (let word = ID_WORDS - 1; word >= 0; word--) {
    id[word]++
    if (id[word] !== 0) return true
  }
  return false
}

/** Makes an ID the first one of the millisecond `ms[0]`. */
export function setMilliseconds(id: IdWords, ms: Float64Array): void {
  const high = Math.floor(ms[0] / TWO_32)
  id[0] = high
  // Not `%`: V8 calls a function for the remainder of a double.
  id[1] = ms[0] - high * TWO_32
  id[2] = 0
  id[3] = 0
}

/** How much larger the part of `a` that begins at `word` is than that of `b`, modulo 2^64 as a signed number, rounded. */
export function partDifference(a: IdWords, b: IdWords, word: number): number {
  const borrow = a[word + 1] >>> 0 < b[word + 1] >>> 0 ? 1 : 0
  const high = (a[word] - b[word] - borrow) | 0
  return high * TWO_32 + ((a[word + 1] - b[word + 1]) >>> 0)
}

/** `1526919030474-55` */
export function idText(id: StreamId): string {
  return `${id >> PART_BITS}-${id & MAX_PART}`
}

/** An ID between its words and its number: two halves of 64 bits cost less than shifts of 128 bits. */
const scratch = new DataView(new ArrayBuffer(16))

/** An ID in memory is four words of 32 bits, the most significant one first; the words themselves are little-endian. */
export function readId(view: DataView, at: number): StreamId {
  for (let i = 0; i < 16; i += 4) scratch.setInt32(i, view.getInt32(at + i, true))
  return (scratch.getBigUint64(0) << PART_BITS) | scratch.getBigUint64(8)
}

export function readIdWords(view: DataView, at: number, words: IdWords): void {
  for (let word = 0; word < ID_WORDS; word++) words[word] = view.getInt32(at + 4 * word, true)
}

export function writeIdWords(view: DataView, at: number, words: IdWords): void {
  for (let word = 0; word < ID_WORDS; word++) view.setInt32(at + 4 * word, words[word], true)
}

/** Writes the words of an ID into `words`. */
export function splitId(id: StreamId, words: Int32Array): void {
  scratch.setBigUint64(0, id >> PART_BITS)
  // The lower 64 bits.
  scratch.setBigUint64(8, id)
  for (let word = 0; word < 4; word++) words[word] = scratch.getInt32(4 * word)
}

/** The longest text: two numbers of 20 digits. */
export const ID_TEXT_BYTES = 41

/** Writes the text of an ID at `bytes[at]`, and returns the index after it. */
export function writeIdText(bytes: Uint8Array, at: number, id: IdWords): number {
  const dash = writePart(bytes, at, id[0] >>> 0, id[1] >>> 0)
  bytes[dash] = DASH
  return writePart(bytes, dash + 1, id[2] >>> 0, id[3] >>> 0)
}

function writePart(bytes: Uint8Array, at: number, high: number, low: number): number {
  if (high === 0) return writeInteger(bytes, at, low)
  if (high < SAFE_HIGH) return writeInteger(bytes, at, high * TWO_32 + low)
  const text = ((BigInt(high) << 32n) | BigInt(low)).toString()
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

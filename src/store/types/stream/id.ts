// The IDs of stream entries: 64 bits of milliseconds and a sequence number of 64 bits, as one number of 128 bits.

export type StreamId = bigint

const PART_BITS = 64n
const WORD = 0xffff_ffffn

/** The largest milliseconds, and the largest sequence number. */
export const MAX_PART: bigint = 2n ** PART_BITS - 1n
export const MIN_ID: StreamId = 0n
export const MAX_ID: StreamId = 2n ** (2n * PART_BITS) - 1n

/** Bytes of an ID as `writeId` writes it. */
export const ID_BYTES = 16

export function streamId(milliseconds: bigint, sequence: bigint): StreamId {
  return (milliseconds << PART_BITS) | sequence
}

export function millisecondsOf(id: StreamId): bigint {
  return id >> PART_BITS
}

export function sequenceOf(id: StreamId): bigint {
  return id & MAX_PART
}

/** `1526919030474-55` */
export function idText(id: StreamId): string {
  return `${id >> PART_BITS}-${id & MAX_PART}`
}

/** An ID in memory is four words of 32 bits, the most significant one first; the words themselves are little-endian. */
export function readId(view: DataView, at: number): StreamId {
  return (readPart(view, at) << PART_BITS) | readPart(view, at + 8)
}

export function writeId(view: DataView, at: number, id: StreamId): void {
  for (let word = 0; word < 4; word++) view.setInt32(at + 4 * word, wordOf(id, word), true)
}

/** Word 0 to 3 of an ID. */
export function wordOf(id: StreamId, word: number): number {
  return Number((id >> BigInt(96 - 32 * word)) & WORD) | 0
}

/** `idText(readId(view, at))`, usually without large numbers. */
export function idTextAt(view: DataView, at: number): string {
  return `${partText(view, at)}-${partText(view, at + 8)}`
}

function readPart(view: DataView, at: number): bigint {
  return (BigInt(view.getUint32(at, true)) << 32n) | BigInt(view.getUint32(at + 4, true))
}

function partText(view: DataView, at: number): string {
  const high = view.getUint32(at, true)
  return high < 2 ** 21 ? String(high * 2 ** 32 + view.getUint32(at + 4, true)) : String(readPart(view, at))
}

// The IDs of stream entries: 64 bits of milliseconds and a sequence number of 64 bits, as one number of 128 bits.

export type StreamId = bigint

const PART_BITS = 64n

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

/** An ID between its words and its number: two halves of 64 bits cost less than shifts of 128 bits. */
const scratch = new DataView(new ArrayBuffer(16))

/** An ID in memory is four words of 32 bits, the most significant one first; the words themselves are little-endian. */
export function readId(view: DataView, at: number): StreamId {
  for (let i = 0; i < 16; i += 4) scratch.setInt32(i, view.getInt32(at + i, true))
  return scratchId()
}

export function writeId(view: DataView, at: number, id: StreamId): void {
  setScratch(id)
  for (let i = 0; i < 16; i += 4) view.setInt32(at + i, scratch.getInt32(i), true)
}

/** Writes the words of an ID into `words`. */
export function splitId(id: StreamId, words: Int32Array): void {
  setScratch(id)
  for (let word = 0; word < 4; word++) words[word] = scratch.getInt32(4 * word)
}

/** The ID of these words. */
export function joinId(words: Int32Array): StreamId {
  for (let word = 0; word < 4; word++) scratch.setInt32(4 * word, words[word])
  return scratchId()
}

function setScratch(id: StreamId): void {
  scratch.setBigUint64(0, id >> PART_BITS)
  // The lower 64 bits.
  scratch.setBigUint64(8, id)
}

function scratchId(): StreamId {
  return (scratch.getBigUint64(0) << PART_BITS) | scratch.getBigUint64(8)
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

// The location of the bytes of an element.

const NOTHING = Buffer.alloc(0)
const NOTHING_VIEW = new DataView(NOTHING.buffer, NOTHING.byteOffset, 0)

/** `bytes[start, end)`; `view` is the same memory. Reused: valid until the next call of its owner. */
export class Span {
  bytes: Buffer = NOTHING
  view: DataView = NOTHING_VIEW
  start = 0
  end = 0

  get length(): number {
    return this.end - this.start
  }

  set(bytes: Buffer, view: DataView, start: number, end: number): void {
    // Usually unchanged: a comparison costs less than the write barrier of the garbage collector.
    if (this.bytes !== bytes) {
      this.bytes = bytes
      this.view = view
    }
    this.start = start
    this.end = end
  }

  copyFrom(other: Span): void {
    this.set(other.bytes, other.view, other.start, other.end)
  }

  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    if (this.end - this.start !== length) return false
    const { bytes: own, view } = this
    let a = this.start
    let b = start
    for (const last = end - 3; b < last; a += 4, b += 4) {
      const four = bytes[b] | (bytes[b + 1] << 8) | (bytes[b + 2] << 16) | (bytes[b + 3] << 24)
      if (view.getInt32(a, true) !== four) return false
    }
    for (; b < end; a++, b++) if (own[a] !== bytes[b]) return false
    return true
  }

  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(this.start, this.end))
  }
}

/** memcmp: negative, 0 or positive. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < length; i++) {
    const difference = a[aStart + i] - b[bStart + i]
    if (difference !== 0) return difference
  }
  return aEnd - aStart - (bEnd - bStart)
}

// Where the bytes of an element are.

/** `bytes[start, end)`; `view` is the same memory. Reused: valid until the next call of its owner. */
export class Span {
  bytes: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(this.bytes.buffer)
  start = 0
  end = 0

  get length(): number {
    return this.end - this.start
  }

  set(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.bytes = bytes
    this.view = view
    this.start = start
    this.end = end
  }

  copyFrom(other: Span): void {
    this.set(other.bytes, other.view, other.start, other.end)
  }

  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    if (this.end - this.start !== length) return false
    const own = this.bytes
    for (let i = 0, a = this.start, b = start; i < length; i++) if (own[a + i] !== bytes[b + i]) return false
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

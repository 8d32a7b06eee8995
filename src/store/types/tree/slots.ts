// Moves slots of a leaf.

/** Up to this many bytes a loop is faster than `copy`. */
const LOOP_BYTES = 512

/** Moves the slots in `[from, to)` up, by the bytes of one. */
export function moveUp(bytes: Buffer, view: DataView, from: number, to: number, by: number): void {
  if (to - from > LOOP_BYTES) {
    bytes.copy(bytes, from + by, from, to)
    return
  }
  let at = to - 4
  for (; at >= from; at -= 4) view.setInt32(at + by, view.getInt32(at, true), true)
  if (at + 2 === from) view.setInt16(from + by, view.getInt16(from, true), true)
}

/** Moves the slots in `[from, to)` down to `target`. */
export function moveDown(bytes: Buffer, view: DataView, from: number, to: number, target: number): void {
  if (to - from > LOOP_BYTES) {
    bytes.copy(bytes, target, from, to)
    return
  }
  const by = from - target
  let at = from
  for (; at + 4 <= to; at += 4) view.setInt32(at - by, view.getInt32(at, true), true)
  if (at < to) view.setInt16(at - by, view.getInt16(at, true), true)
}

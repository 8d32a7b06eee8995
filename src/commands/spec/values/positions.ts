// Positions in a string or a collection, of which negative ones are counted from the end.

/** The first element of a range from `start` on. It may be behind the last one. */
export function startOf(start: number, length: number): number {
  return start < 0 ? Math.max(0, start + length) : start
}

/** The end of a range to `stop`, which is included: behind its last element. Not above `length`; ≤ 0: it is empty. */
export function endOf(stop: number, length: number): number {
  return Math.min(length, (stop < 0 ? stop + length : stop) + 1)
}

// Copying a byte range between buffers.

/** Below this a loop beats the native copy, and it allocates nothing; `subarray` makes about 100 heap bytes. */
const LOOP_MAX = 64

/** Copies `source[start, end)` to `target` from `at` on. The ranges must not overlap. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start <= LOOP_MAX) {
    for (let i = start, to = at; i < end; i++, to++) target[to] = source[i]
  } else {
    target.set(source.subarray(start, end), at)
  }
}

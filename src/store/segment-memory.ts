// The memory of segments that blocks share.

/** From this version of Node.js on, `Buffer.copy` is as fast for shared memory as for other memory. */
const NATIVE_COPY_SINCE = 22
const isShared = Number.parseInt(process.versions.node, 10) >= NATIVE_COPY_SINCE

/** V8 begins to collect garbage when about this much memory was allocated outside its heap. */
const ANNOUNCED_BYTES = 64 * 2 ** 20

/** Memory that was dropped and not announced. */
let droppedBytes = 0

/**
 * The memory of a segment, zeroed; the operating system commits its pages when they are first used.
 *
 * V8 collects the whole heap each time that a few dozen megabytes of `ArrayBuffer` were allocated, garbage or not, which
 * takes 10 to 30 ms: a store that grows would stand still twice a second. It does not count shared memory.
 *
 * @throws RangeError if there is no memory
 */
export function allocateSegment(bytes: number): ArrayBufferLike {
  return isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes)
}

/** The caller has dropped that much memory of segments. */
export function dropSegments(bytes: number): void {
  droppedBytes += bytes
  if (droppedBytes < ANNOUNCED_BYTES) return
  droppedBytes = 0
  // V8 does not know that this is garbage until it looks. An array of which no page is ever used has it look.
  new ArrayBuffer(ANNOUNCED_BYTES)
}

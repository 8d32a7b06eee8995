// The memory of a store: of the segments that blocks share, and of large shards of the index.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const { versions } = process
/** Bun and Deno name a version of Node.js, too. */
export const isNode: boolean = !('bun' in versions || 'deno' in versions)

/** From this version of Node.js on, `Buffer.copy` is as fast for shared memory as for other memory. */
const NATIVE_COPY_SINCE = 22
const isShared = isNode && Number.parseInt(versions.node, 10) >= NATIVE_COPY_SINCE

/** Garbage is collected once this much memory was dropped. */
const COLLECTED_BYTES = 64 * 2 ** 20

let droppedBytes = 0

/**
 * Zeroed memory; the operating system commits its pages when they are first used.
 *
 * V8 collects the whole heap each time that a few dozen megabytes of `ArrayBuffer` were allocated, garbage or not, which
 * takes 10 to 30 ms: a store that grows would stand still twice a second. It does not count shared memory.
 *
 * @throws RangeError if there is no memory
 */
export function allocateMemory(bytes: number): ArrayBufferLike {
  return isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes)
}

/** The caller has dropped that much of it: V8 gives it back when it collects garbage, and is asked to. */
export function dropMemory(bytes: number): void {
  if (!isShared) return
  droppedBytes += bytes
  if (droppedBytes < COLLECTED_BYTES) return
  droppedBytes = 0
  collectGarbage('async')
}

/** Collects the garbage of the whole heap, at once or (`async`) when V8 is next idle. */
export function collectGarbage(execution: 'sync' | 'async'): void {
  // There is no other way to it. Where V8 is not the engine, there is none at all.
  if ('bun' in versions) return
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => unknown
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution })
}

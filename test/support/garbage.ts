// What memory a test really holds: figures of the process change with each collection of garbage.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

export function collectGarbage(): void {
  if (collect === undefined) {
    // Works without --expose-gc on the command line: the flag applies to contexts created later.
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  collect()
}

/** Bytes of all array buffers that are in use. */
export function bufferBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

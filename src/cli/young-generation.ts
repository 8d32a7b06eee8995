// Limits the size of V8's young generation, where new objects are allocated. What a node stores is outside of the heap.

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Timers } from '../bytes/clock.ts'
import { isNode } from '../store/store-memory.ts'

/**
 * Of one of its halves, bytes. By default V8 lets them grow to 16 MiB, from Node.js 24 on to 32, which stay resident. With 8 MiB
 * loads take a tenth less CPU time than with 32, as more of it is in the caches of the processor; with 4 MiB a tenth more, as objects
 * of running loads have to be moved before they are garbage.
 */
const ENOUGH_BYTES = 8 * 2 ** 20

/** How often its size is read, ms. It doubles at most once in a collection. */
const INTERVAL = 100

/** By what it grows when many objects survive: V8's default, and not at all. */
const DOUBLES = '--semi-space-growth-factor=2'
const STAYS = '--semi-space-growth-factor=1'

/** The user has set the size. */
const OWN_SIZE = /--(?:max|min)[-_]semi[-_]space[-_]size/

/** Whether it can be bounded: V8 is the engine, and the options of Node.js say nothing else. */
function isBounded(): boolean {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? '']
  return isNode && !options.some((option) => OWN_SIZE.test(option))
}

/** While the program is loaded: what it allocates then stays anyway. */
export function keepYoungGenerationSmall(): void {
  if (isBounded()) setFlagsFromString(STAYS)
}

/**
 * From now on it may grow to `ENOUGH_BYTES`, and by one doubling beyond if that happens between two checks. V8 may make it
 * smaller while the node is idle. Nothing but this flag can be changed for it once the process runs.
 */
export function boundYoungGeneration(timers: Timers): void {
  if (!isBounded()) return
  let flag = STAYS
  const check = (): void => {
    const next = halfBytes() < ENOUGH_BYTES ? DOUBLES : STAYS
    if (next !== flag) setFlagsFromString(next)
    flag = next
    timers.after(INTERVAL, check)
  }
  check()
}

function halfBytes(): number {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  return space === undefined ? ENOUGH_BYTES : space.space_used_size + space.space_available_size
}

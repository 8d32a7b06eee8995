// The memory that budgets can be taken from.

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { freeWithinLimits } from './process-limits.ts'

/**
 * The bytes of memory of this machine, or fewer if the control group of this process (a container) or its own limits
 * (`ulimit -v`, `ulimit -d`) allow fewer.
 */
export const machineMemory: number = Math.min(
  totalmem(),
  process.constrainedMemory() || totalmem(),
  freeWithinLimits(procFile('limits'), procFile('statm')),
)

/** A file about this process; empty where the operating system has none. */
function procFile(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'latin1')
  } catch {
    return ''
  }
}

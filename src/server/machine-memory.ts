// The memory that budgets can be taken from.

import { totalmem } from 'node:os'
import { freeWithinLimits, processFile } from './process-limits.ts'

/**
 * The bytes of memory of this machine, or fewer if the control group of this process (a container) or its own limits
 * (`ulimit -v`, `ulimit -d`) allow fewer.
 */
export const machineMemory: number = Math.min(
  totalmem(),
  process.constrainedMemory() || totalmem(),
  freeWithinLimits(processFile('limits'), processFile('statm')),
)

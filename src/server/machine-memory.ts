// The memory that budgets can be taken from.

import { totalmem } from 'node:os'

/** The bytes of memory of this machine, or fewer if the control group of this process (a container) allows fewer. */
export const machineMemory: number = Math.min(totalmem(), process.constrainedMemory() || totalmem())

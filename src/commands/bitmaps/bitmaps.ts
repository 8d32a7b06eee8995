// Bitmaps: strings as arrays of bits.

import type { CommandSpec } from '../spec/command.ts'
import { bitFieldCommands } from './bitfield.ts'
import { bitOperationCommands } from './bitop.ts'
import { bitCommands } from './bits.ts'
import { bitRangeCommands } from './ranges.ts'

export const bitmapCommands: readonly CommandSpec[] = [
  ...bitCommands,
  ...bitRangeCommands,
  ...bitOperationCommands,
  ...bitFieldCommands,
]

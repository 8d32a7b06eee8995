// The commands on lists.

import type { CommandSpec } from '../spec/command.ts'
import { blockingListCommands } from './blocking.ts'
import { listElementCommands } from './elements.ts'
import { listEndCommands } from './ends.ts'
import { listMoveCommands } from './moves.ts'
import { listPopCommands } from './pops.ts'
import { listRangeCommands } from './ranges.ts'

export const listCommands: readonly CommandSpec[] = [
  ...listEndCommands,
  ...listPopCommands,
  ...listMoveCommands,
  ...listRangeCommands,
  ...listElementCommands,
  ...blockingListCommands,
]

// The commands on sorted sets.

import type { CommandSpec } from '../spec/command.ts'
import { sortedSetAddCommands } from './add.ts'
import { blockingSortedSetCommands } from './blocking.ts'
import { sortedSetCombinationCommands } from './combinations.ts'
import { sortedSetCountCommands } from './counts.ts'
import { sortedSetIterationCommands } from './iteration.ts'
import { sortedSetMemberCommands } from './members.ts'
import { sortedSetPopCommands } from './pops.ts'
import { sortedSetRangeCommands } from './ranges.ts'

export const sortedSetCommands: readonly CommandSpec[] = [
  ...sortedSetAddCommands,
  ...sortedSetMemberCommands,
  ...sortedSetCountCommands,
  ...sortedSetRangeCommands,
  ...sortedSetPopCommands,
  ...blockingSortedSetCommands,
  ...sortedSetIterationCommands,
  ...sortedSetCombinationCommands,
]

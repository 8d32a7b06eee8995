// The commands on sets.

import type { CommandSpec } from '../spec/command.ts'
import { setCombinationCommands } from './combinations.ts'
import { setMemberCommands } from './members.ts'
import { setRandomCommands } from './random.ts'

export const setCommands: readonly CommandSpec[] = [
  ...setMemberCommands,
  ...setRandomCommands,
  ...setCombinationCommands,
]

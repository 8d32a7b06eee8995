// The commands on lists.

import type { CommandSpec } from '../spec/command.ts'
import { listEndCommands } from './ends.ts'
import { listRangeCommands } from './ranges.ts'

export const listCommands: readonly CommandSpec[] = [...listEndCommands, ...listRangeCommands]

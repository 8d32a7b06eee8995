// The commands on streams.

import type { CommandSpec } from '../spec/command.ts'
import { streamClaimCommands } from './claim.ts'
import { streamEntryCommands } from './entries.ts'
import { streamGroupCommands } from './groups.ts'
import { streamInfoCommands } from './info.ts'
import { streamPendingCommands } from './pending.ts'
import { streamRangeCommands } from './ranges.ts'
import { streamReadCommands } from './read.ts'

export const streamCommands: readonly CommandSpec[] = [
  ...streamEntryCommands,
  ...streamRangeCommands,
  ...streamReadCommands,
  ...streamGroupCommands,
  ...streamPendingCommands,
  ...streamClaimCommands,
  ...streamInfoCommands,
]

// The commands on hashes.

import type { CommandSpec } from '../spec/command.ts'
import { hashChangeCommands } from './changes.ts'
import { hashCounterCommands } from './counters.ts'
import { hashExchangeCommands } from './exchange.ts'
import { hashExpiryCommands } from './expiry.ts'
import { hashFieldCommands } from './fields.ts'
import { hashIterationCommands } from './iteration.ts'

export const hashCommands: readonly CommandSpec[] = [
  ...hashChangeCommands,
  ...hashFieldCommands,
  ...hashCounterCommands,
  ...hashIterationCommands,
  ...hashExpiryCommands,
  ...hashExchangeCommands,
]

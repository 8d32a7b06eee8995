// Every command there is, as one table.

import { connectionCommands } from './connection.ts'
import { stringCommands } from './strings.ts'
import { CommandTable } from './table.ts'

/** A table of its own: the counters of its commands belong to one node. */
export function createCommandTable(): CommandTable {
  return new CommandTable([...stringCommands, ...connectionCommands])
}

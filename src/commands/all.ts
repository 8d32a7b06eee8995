// Every command there is, as one table.

import { clientCommands } from './clients.ts'
import { clusterCommands } from './cluster.ts'
import { configCommands } from './config.ts'
import { connectionCommands } from './connection.ts'
import { counterCommands } from './counters.ts'
import { debugCommands } from './debug.ts'
import { expiryCommands } from './expiry.ts'
import { explainCommands } from './explain.ts'
import { groupCommands } from './groups.ts'
import { infoCommands } from './info.ts'
import { introspectionCommands } from './introspection.ts'
import { invalidateCommands } from './invalidate.ts'
import { keyCommands } from './keys.ts'
import { keyspaceCommands } from './keyspace.ts'
import { latencyCommands } from './latency.ts'
import { lcsCommands } from './lcs.ts'
import { memoryCommands } from './memory.ts'
import { monitorCommands } from './monitor.ts'
import { objectCommands } from './object.ts'
import { peerCommands } from './peer.ts'
import { rangeCommands } from './ranges.ts'
import { serverCommands } from './server.ts'
import { slowLogCommands } from './slowlog.ts'
import { stringCommands } from './strings.ts'
import { manyStringCommands } from './strings-many.ts'
import { CommandTable } from './table.ts'

/** A table of its own: the counters of its commands belong to one node. */
export function createCommandTable(): CommandTable {
  const table: CommandTable = new CommandTable([
    ...stringCommands,
    ...manyStringCommands,
    ...counterCommands,
    ...rangeCommands,
    ...lcsCommands,
    ...keyCommands,
    ...expiryCommands,
    ...keyspaceCommands,
    ...invalidateCommands,
    ...objectCommands,
    ...memoryCommands,
    ...groupCommands,
    ...explainCommands,
    ...connectionCommands,
    ...clientCommands,
    ...monitorCommands,
    ...configCommands,
    ...infoCommands,
    ...slowLogCommands,
    ...latencyCommands,
    ...debugCommands,
    ...clusterCommands(),
    ...peerCommands,
    ...serverCommands,
    ...introspectionCommands(() => table),
  ])
  return table
}

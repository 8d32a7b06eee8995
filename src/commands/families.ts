// Every command family, one line each: a new family is imported and listed here.

import { aclCommands } from './acl/acl.ts'
import { bitmapCommands } from './bitmaps/bitmaps.ts'
import { clusterCommands } from './cluster/cluster.ts'
import { peerCommands } from './cluster/peer.ts'
import { clientCommands } from './connection/clients.ts'
import { connectionCommands } from './connection/connection.ts'
import { monitorCommands } from './connection/monitor.ts'
import { geoCommands } from './geo/geo.ts'
import { hashCommands } from './hashes/hashes.ts'
import { hyperLogLogCommands } from './hyperloglog/hyperloglog.ts'
import { type CommandDirectory, introspectionCommands } from './introspection/introspection.ts'
import { dumpCommands } from './keys/dump.ts'
import { expiryCommands } from './keys/expiry.ts'
import { keyCommands } from './keys/keys.ts'
import { keyspaceCommands } from './keys/keyspace.ts'
import { objectCommands } from './keys/object.ts'
import { listCommands } from './lists/lists.ts'
import { explainCommands } from './own/explain.ts'
import { fetchCommands } from './own/fetch.ts'
import { groupCommands } from './own/groups.ts'
import { hotKeysCommands } from './own/hot-keys.ts'
import { invalidateCommands } from './own/invalidate.ts'
import { configCommands } from './server/config.ts'
import { debugCommands } from './server/debug.ts'
import { infoCommands } from './server/info.ts'
import { latencyCommands } from './server/latency.ts'
import { memoryCommands } from './server/memory.ts'
import { replicationCommands } from './server/replication.ts'
import { serverCommands } from './server/server.ts'
import { slowLogCommands } from './server/slowlog.ts'
import { setCommands } from './sets/sets.ts'
import { sortCommands } from './sort/sort.ts'
import { sortedSetCommands } from './sorted-sets/sorted-sets.ts'
import type { CommandSpec } from './spec/command.ts'
import { streamCommands } from './streams/streams.ts'
import { counterCommands } from './strings/counters.ts'
import { lcsCommands } from './strings/lcs.ts'
import { manyStringCommands } from './strings/many.ts'
import { rangeCommands } from './strings/ranges.ts'
import { stringCommands } from './strings/strings.ts'
import { transactionCommands } from './transactions/transactions.ts'

/** @param directory all commands by name, for the families that describe them; asked for when they run */
export function allCommands(directory: () => CommandDirectory): readonly CommandSpec[] {
  return [
    ...stringCommands,
    ...manyStringCommands,
    ...counterCommands,
    ...rangeCommands,
    ...lcsCommands,
    ...bitmapCommands,
    ...hashCommands,
    ...listCommands,
    ...setCommands,
    ...geoCommands,
    ...streamCommands,
    ...sortedSetCommands,
    ...hyperLogLogCommands,
    ...keyCommands,
    ...expiryCommands,
    ...dumpCommands,
    ...sortCommands,
    ...keyspaceCommands,
    ...invalidateCommands,
    ...objectCommands,
    ...memoryCommands,
    ...groupCommands,
    ...explainCommands,
    ...fetchCommands,
    ...hotKeysCommands,
    ...transactionCommands,
    ...connectionCommands,
    ...clientCommands,
    ...monitorCommands,
    ...aclCommands(directory),
    ...configCommands,
    ...infoCommands,
    ...slowLogCommands,
    ...latencyCommands,
    ...debugCommands,
    ...clusterCommands(),
    ...peerCommands,
    ...serverCommands,
    ...replicationCommands,
    ...introspectionCommands(directory),
  ]
}

// The exports of the package: a node inside a program, and the types of its configuration.

import { type Config, resolveConfig } from './config/config.ts'
import { createNode as compose, type Node } from './node.ts'
import type { NodeOptions } from './parts.ts'

export { HashRing, type HashRingOptions, type RingHash } from './cluster/ring/hash-ring.ts'
export type { Explanation } from './commands/own/explanation.ts'
export type { GroupStats } from './commands/own/group-stats.ts'
export { ReloadError } from './commands/spec/host.ts'
export type { ClusterInput } from './config/cluster.ts'
export { type Config, ConfigError, defineConfig } from './config/config.ts'
export type { GroupConfig } from './config/groups.ts'
export type { FileOriginConfig } from './config/origins/file.ts'
export { type HttpOriginConfig, http } from './config/origins/http.ts'
export type { OriginConfig } from './config/origins/kinds.ts'
export type { TlsConfig } from './config/origins/readers.ts'
export { type RedisOriginConfig, redis } from './config/origins/redis.ts'
export { type SqlOriginConfig, sql } from './config/origins/sql.ts'
export type { UserRules } from './config/users.ts'
export type { Bytes, SetOptions } from './embedding/arguments.ts'
export {
  BadRequest,
  type ChangeListener,
  type LoadContext,
  type Loaded,
  type LoadedFacts,
  loaded,
  type Origin,
  type OriginCollection,
  type OriginElement,
  type OriginLog,
  type OriginResult,
  type OriginResults,
  type OriginValue,
  RetryLater,
  type SortedSet,
  type StoreChange,
  type StoreContext,
  type StoredCollection,
  sortedSet,
  unchanged,
} from './group/origin.ts'
export { OriginError } from './group/policy.ts'
export type { Node } from './node.ts'
export type { Loader, LoadFunction, LoadManyFunction } from './origin/function.ts'
export type { ListenAddress, Log, NodeOptions } from './parts.ts'
export { PeerDownError } from './server/program.ts'

/**
 * Makes a node from a configuration as `erinys.config.ts` has it.
 *
 * ```ts
 * const node = await createNode({ groups: { scores: { ttl: '5m', origin: (key) => lookup(key) } } })
 * await node.get('scores', 'Tom')
 * await node.listen()
 * ```
 *
 * @throws ConfigError for an invalid configuration, OriginError if an origin refuses its own
 */
export async function createNode(config: Config = {}, options?: NodeOptions): Promise<Node> {
  return compose(resolveConfig(config), options)
}

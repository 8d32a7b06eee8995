// The eviction policies by name. A new policy is one file beside this one, and one line here.

import { Auto } from './auto.ts'
import { costAware } from './cost-aware.ts'
import { Lru } from './lru.ts'
import type { EvictionPolicyFactory } from './policy.ts'
import { Mode, Queues } from './queues.ts'
import { S3Fifo } from './s3-fifo.ts'

export const EVICTION_POLICIES = {
  lru: (context) => new Lru(context),
  's3-fifo': (context) => new S3Fifo(context),
  'w-tinylfu': (context) => new Queues(context, Mode.W_TINY_LFU),
  auto: (context) => new Auto(context),
} as const satisfies Record<string, EvictionPolicyFactory>

export type EvictionName = keyof typeof EVICTION_POLICIES

/** The names of a configuration. */
export const EVICTION_NAMES = Object.keys(EVICTION_POLICIES) as readonly EvictionName[]

export const EVICTION_COSTS = ['none', 'load-time'] as const
export type EvictionCost = (typeof EVICTION_COSTS)[number]

const COST_AWARE = new Map(
  Object.entries(EVICTION_POLICIES).map(([name, policy]) => [name, costAware(policy)]),
)

/** The factory of a policy; the same object for the same arguments. */
export function evictionFactory(name: EvictionName, cost: EvictionCost): EvictionPolicyFactory {
  return cost === 'load-time' ? (COST_AWARE.get(name) as EvictionPolicyFactory) : EVICTION_POLICIES[name]
}

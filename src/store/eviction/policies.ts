// The eviction policies by name. A new policy is one file beside this one, and one line here.

import { Lru } from './lru.ts'
import type { EvictionPolicyFactory } from './policy.ts'

export const EVICTION_POLICIES = {
  lru: ({ arena }) => new Lru(arena),
} as const satisfies Record<string, EvictionPolicyFactory>

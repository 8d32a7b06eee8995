// The reference policies by name. They have the names of the product's own policies of the same kind.

import { ReferenceLru } from './lru.ts'
import type { ReferenceFactory } from './policy.ts'
import { ReferenceS3Fifo } from './s3-fifo.ts'
import { ReferenceSieve } from './sieve.ts'
import { ReferenceWTinyLfu } from './w-tinylfu.ts'

export const REFERENCE_POLICIES = {
  lru: (distinct, capacity) => new ReferenceLru(distinct, capacity),
  sieve: (distinct, capacity) => new ReferenceSieve(distinct, capacity),
  's3-fifo': (distinct, capacity) => new ReferenceS3Fifo(distinct, capacity),
  'w-tinylfu': (distinct, capacity, meanSize) => new ReferenceWTinyLfu(distinct, capacity, meanSize),
} as const satisfies Record<string, ReferenceFactory>

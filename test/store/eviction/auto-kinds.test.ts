// `auto` on many kinds of made traces: never much worse than the best of the policies between which it chooses.

import { expect, test } from 'vitest'
import { playStore } from '../../../bench/eviction/play.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { KINDS } from '../../support/key-kinds.ts'

const SINGLE = ['lru', 's3-fifo', 'w-tinylfu'] as const
const MAX_BELOW = 1.5
/** At the end of half a trace of scans W-TinyLFU is not yet as far ahead as a change needs. */
const KNOWN: Readonly<Record<string, number>> = { 'scan of 10000 new keys in 20000': 2 }

test.each(Object.entries(KINDS))('%s: at most 1.5 points below the best, or what is known', (name, make) => {
  const trace = make(name)
  for (const share of [0.02, 0.1]) {
    const percent = (policy: keyof typeof EVICTION_POLICIES): number =>
      (100 * playStore(trace, share, EVICTION_POLICIES[policy]).hits) / trace.ids.length
    const best = Math.max(...SINGLE.map(percent))
    expect(best - percent('auto')).toBeLessThan(KNOWN[name] ?? MAX_BELOW)
  }
})

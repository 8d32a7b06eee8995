// `auto` on key traces: never much worse than the best of the policies between which it chooses.

import { expect, test } from 'vitest'
import { TRACES } from '../../../bench/eviction/main.ts'
import { playReference, playStore } from '../../../bench/eviction/play.ts'
import { REFERENCE_POLICIES } from '../../../bench/eviction/reference/policies.ts'
import { readTraces } from '../../../bench/eviction/traces.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { drift, jumps, loop, phases, scans } from '../../support/key-traces.ts'

const traces = [
  ...readTraces(TRACES).filter(({ name }) => name !== 'loop'),
  ...[scans, drift, loop, phases, jumps].map((make) => make()),
]

test.each(traces.map((trace) => [trace.name, trace] as const))(
  '%s: at most 1.5 points below the best',
  (_, trace) => {
    for (const share of [0.01, 0.1]) {
      const percent = (hits: number): number => (100 * hits) / trace.ids.length
      const others = (['lru', 's3-fifo', 'w-tinylfu'] as const).map((name) =>
        percent(playReference(trace, share, REFERENCE_POLICIES[name])),
      )
      const own = percent(playStore(trace, share, EVICTION_POLICIES.auto).hits)
      expect(Math.max(...others) - own).toBeLessThan(1.5)
    }
  },
)

// Traces with load times: a recorded order of keys, with made sizes and load times, as no public trace has them.

import type { EvictionCost, EvictionName } from '../../src/store/eviction/policies.ts'
import { EVICTION_COSTS, EVICTION_NAMES, evictionFactory } from '../../src/store/eviction/policies.ts'
import type { CostRow } from './figures.ts'
import { playStore } from './play.ts'
import type { Trace } from './traces.ts'

const MEDIAN_BYTES = 500
const MEDIAN_MS = 20
/** Of the logarithm: one value in six is above 2.7 times the median, one in 44 above 7.4 times. */
const DEVIATION = 1
const MAX_MS = 10_000

/** By name: the standard score of a key's load time, from those of its size, of its popularity and of nothing else. */
const SCORES = {
  independent: (_size: number, _popularity: number, other: number) => other,
  'large is slow': (size: number) => size,
  'large is fast': (size: number) => -size,
  'popular is slow': (_size: number, popularity: number) => popularity,
  'popular is fast': (_size: number, popularity: number) => -popularity,
} as const satisfies Record<string, (size: number, popularity: number, other: number) => number>

export type CostKind = keyof typeof SCORES
export const COST_KINDS = Object.keys(SCORES) as readonly CostKind[]

/** The trace with a size and a load time for each key. Sizes do not depend on the popularity. */
export function withCosts({ name, ids, distinct }: Trace, kind: CostKind): Trace {
  const popularities = popularityScores(ids, distinct)
  const loadMs = new Uint32Array(distinct)
  const sizeOf = new Uint32Array(distinct)
  for (let id = 0; id < distinct; id++) {
    const size = normal(id, 1)
    const score = SCORES[kind](size, popularities[id], normal(id, 3))
    sizeOf[id] = Math.ceil(MEDIAN_BYTES * Math.exp(DEVIATION * size))
    loadMs[id] = Math.min(MAX_MS, Math.ceil(MEDIAN_MS * Math.exp(DEVIATION * score)))
  }
  return { name, ids, sizes: ids.map((id) => sizeOf[id]), distinct, loadMs }
}

/** What part of the load time without a cache each policy saves, plain and with `evictionCost: 'load-time'`. */
export function playCosts(
  plain: Trace,
  kind: CostKind,
  share: number,
  policies: readonly EvictionName[] = EVICTION_NAMES,
): CostRow {
  const trace = withCosts(plain, kind)
  const { ids, loadMs = new Uint32Array(trace.distinct) } = trace
  const withoutCache = ids.reduce((sum, id) => sum + loadMs[id], 0)
  const saved = (cost: EvictionCost): Record<string, number> =>
    Object.fromEntries(
      policies.map((policy) => {
        const played = playStore(trace, share, evictionFactory(policy, cost))
        return [policy, 1 - played.loadedMs / withoutCache]
      }),
    )
  const [none, loadTime] = EVICTION_COSTS
  return { trace: trace.name, kind, share, plain: saved(none), loadTime: saved(loadTime) }
}

/** Of each key, by the rank of its number of accesses; keys of as many accesses have the ranks in between. */
function popularityScores(ids: Uint32Array, distinct: number): Float64Array {
  const accesses = new Uint32Array(distinct)
  for (const id of ids) accesses[id]++
  const order = Uint32Array.from({ length: distinct }, (_, id) => id).sort(
    (a, b) => accesses[a] - accesses[b] || uniform(a, 5) - uniform(b, 5),
  )
  // The normal scores of a sorted sample of the same length.
  const scores = Float64Array.from({ length: distinct }, (_, id) => normal(id, 6)).sort()
  const of = new Float64Array(distinct)
  order.forEach((id, rank) => {
    of[id] = scores[rank]
  })
  return of
}

/** A standard normal number of a key (Box, Muller 1958), the same in every run. */
function normal(id: number, salt: number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(id, salt))) * Math.cos(2 * Math.PI * uniform(id, salt + 0x10000))
}

/** In [0, 1). */
function uniform(id: number, salt: number): number {
  let hash = Math.imul(id ^ Math.imul(salt, 0x9e3779b1), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

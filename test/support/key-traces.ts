// Made key traces, each of a kind that one eviction policy serves badly.

import type { Trace } from '../../bench/eviction/traces.ts'
import { type Random, seededRandom } from './random.ts'

const ACCESSES = 120_000

/** Skewed reads, and from time to time a scan of keys that are not read again: bad for LRU. */
export function scans(): Trace {
  const random = seededRandom(2)
  const draw = zipf(6000, 0.9, random)
  return trace('scans', (i) => (i % 12_000 < 10_000 ? draw() : 10_000 + i))
}

/** The keys in use move on, one after the other: bad for policies that count frequencies or need a second read soon. */
export function drift(): Trace {
  const random = seededRandom(3)
  return trace('drift', (i) => Math.floor(i / 8) + Math.floor(uniform(random) * uniform(random) * 1500))
}

/** A loop over more keys than fit: bad for all but W-TinyLFU. */
export function loop(): Trace {
  const random = seededRandom(4)
  let next = 0
  return trace('loop', (i) => (uniform(random) < 0.9 ? next++ % 1200 : 10_000 + i))
}

/** First a loop, then keys that are read again soon or never. */
export function phases(): Trace {
  const random = seededRandom(5)
  return trace('phases', (i) => {
    if (i % 60_000 < 30_000) return i % 1200
    return 10_000 + Math.max(0, Math.floor(i / 5) - Math.floor(uniform(random) * 900))
  })
}

/** The popular keys are replaced by others, all at once. */
export function jumps(): Trace {
  const random = seededRandom(6)
  const draw = zipf(3000, 0.9, random)
  return trace('jumps', (i) => Math.floor(i / 15_000) * 3000 + draw())
}

/** Ids are renumbered in the order of their first access. */
export function trace(name: string, keyAt: (i: number) => number, accesses: number = ACCESSES): Trace {
  const numbered = new Map<number, number>()
  const ids = Uint32Array.from({ length: accesses }, (_, i) => {
    const key = keyAt(i)
    const id = numbered.get(key) ?? numbered.size
    numbered.set(key, id)
    return id
  })
  return { name, ids, sizes: undefined, distinct: numbered.size }
}

/** In [0, 1). */
export function uniform(random: Random): number {
  return random() / 2 ** 32
}

/** Draws 0 to `keys - 1`, the k-th with a probability proportional to `k ** -skew`. */
export function zipf(keys: number, skew: number, random: Random): () => number {
  const sums = new Float64Array(keys)
  let sum = 0
  for (let k = 0; k < keys; k++) {
    sum += (k + 1) ** -skew
    sums[k] = sum
  }
  return () => {
    const drawn = uniform(random) * sum
    let low = 0
    for (let high = keys - 1; low < high; ) {
      const middle = (low + high) >> 1
      if (sums[middle] < drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

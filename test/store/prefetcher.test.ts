// Prefetching begins with the number of entries from which it pays.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Prefetcher } from '../../src/store/prefetcher.ts'
import { ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'

test('a store of a few entries is not worth prefetching, a larger one is', () => {
  const before = Prefetcher.minEntries
  expect(before).toBe(0)
  Prefetcher.minEntries = 3
  try {
    const hasher = new Hasher({ low: 1, high: 2 })
    const store = new Store({ maxBytes: 2 ** 20, hasher, instant: new Instant(new ManualClock()) })
    const worthwhile: boolean[] = []
    for (const name of ['a', 'b', 'c', 'd']) {
      worthwhile.push(store.prefetcher.isWorthwhile)
      store.put(Buffer.from(name), 0, 1, Buffer.from('v'), 0, 1, ValueType.STRING, 0)
    }
    worthwhile.push(store.prefetcher.isWorthwhile)
    expect(worthwhile).toEqual([false, false, false, true, true])
  } finally {
    Prefetcher.minEntries = before
  }
})

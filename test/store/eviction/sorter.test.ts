// The radix sort, against the sort of an array.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sorter } from '../../../src/store/eviction/lru/sorter.ts'

test('values are in ascending order of their keys, and those of equal keys keep their order', () => {
  const sorter = new Sorter()
  const key = fc.oneof(fc.nat(3), fc.nat(300), fc.nat(100_000), fc.nat(2 ** 31 - 1))
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), (keys) => {
      sorter.reserve(keys.length)
      sorter.keys.set(keys)
      sorter.values.set([...keys.keys()])
      sorter.sort(keys.length)
      const sorted = [...keys.keys()].sort((a, b) => keys[a] - keys[b])
      expect([...sorter.values.subarray(0, keys.length)]).toEqual(sorted)
    }),
  )
})

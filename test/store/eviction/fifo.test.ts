// A further policy, written against the seam in this one file: FIFO, which ignores accesses.

import { expect, test } from 'vitest'
import { Lru } from '../../../src/store/eviction/lru.ts'
import type { EvictionPolicyFactory } from '../../../src/store/eviction/policy.ts'
import { evictionContract, evictionOrder } from '../../contracts/eviction.contract.ts'

class Fifo extends Lru {
  override accessed(): void {}

  override prefetch(): number {
    return 0
  }
}

const fifo: EvictionPolicyFactory = (context) => new Fifo(context)

evictionContract('fifo', fifo)

test('records leave in order of insertion, whatever was read or overwritten', () => {
  const order = evictionOrder(fifo, ['a', 'b', 'c', 'd'], (store) => {
    store.get('a')
    store.put('b')
  })
  expect(order).toEqual(['a', 'b', 'c', 'd'])
})

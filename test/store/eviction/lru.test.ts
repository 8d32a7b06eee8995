// Exact LRU against an array: the order of eviction, and the links after every change.

import { describe, expect, test } from 'vitest'
import { Arena, NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { Lru } from '../../../src/store/eviction/lru.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { EVICTION_WORDS } from '../../../src/store/record.ts'
import { evictionContract, evictionOrder } from '../../contracts/eviction.contract.ts'
import { seededRandom } from '../../support/random.ts'

evictionContract('lru', EVICTION_POLICIES.lru)

test('the least recently used record is evicted first; reads and writes count as accesses, EXISTS and SCAN do not', () => {
  const order = evictionOrder(EVICTION_POLICIES.lru, ['a', 'b', 'c', 'd', 'e'], (store) => {
    store.get('a')
    store.put('b')
    store.peek('c')
    store.scan()
  })
  expect(order).toEqual(['c', 'd', 'e', 'a', 'b'])
})

function word(arena: Arena, ref: Ref, offset: number): Ref {
  return arena.words[ref >>> arena.shift][((ref & arena.unitMask) << 1) + offset] as Ref
}

/** The list from the newest record on, and the reverse of the list from the oldest on. */
function walk(arena: Arena, lru: Lru): [Ref[], Ref[]] {
  const down: Ref[] = []
  lru.forEach((ref) => {
    down.push(ref)
  })
  const up: Ref[] = []
  for (let ref = lru.victim(NULL_REF); ref !== NULL_REF; ref = word(arena, ref, EVICTION_WORDS)) up.push(ref)
  return [down, up.reverse()]
}

describe('random operations', () => {
  test.each([
    ['positive', 1],
    ['negative', 2 ** 32 / 8192 / 2],
  ])('with references that are %s int32', (sign, firstSegment) => {
    const arena = new Arena(64 * 1024)
    // Simulates that many segments in use.
    arena.words.length = firstSegment
    const lru = new Lru(arena)
    const random = seededRandom(8)
    /** The newest first. */
    const model: Ref[] = []
    for (let i = 0; i < 20_000; i++) {
      const choice = random() % 8
      const place = model.length === 0 ? 0 : random() % model.length
      if (choice < (model.length > 50 ? 1 : 4) || model.length === 0) {
        const ref = arena.alloc(8)
        if (ref < 0 !== (sign === 'negative')) throw new Error(`a reference of ${ref}`)
        lru.inserted(ref)
        model.unshift(ref)
      } else if (choice === 4) {
        const [ref] = model.splice(place, 1)
        lru.removed(ref)
        arena.free(ref)
      } else if (choice === 5) {
        const to = arena.alloc(8)
        const from = model[place]
        for (let offset = 1; offset < 16; offset++) {
          const words = arena.words[to >>> arena.shift]
          words[((to & arena.unitMask) << 1) + offset] = word(arena, from, offset)
        }
        arena.free(from)
        lru.moved(from, to)
        model[place] = to
      } else {
        const [ref] = model.splice(place, 1)
        lru.accessed(ref)
        model.unshift(ref)
      }
      if (i % 16 === 0) {
        expect(walk(arena, lru)).toEqual([model, model])
        for (const ref of model) lru.prefetch(ref)
        expect(lru.victim(model.at(-1) as Ref)).toBe(model.at(-2) ?? NULL_REF)
      }
    }
    lru.clear()
    expect(lru.victim(NULL_REF)).toBe(NULL_REF)
  })
})

// Exact LRU against an array: the order of eviction after any sequence of operations.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../../src/bytes/hash.ts'
import { Arena, NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { Ordering } from '../../../src/store/eviction/lru/ordering.ts'
import { Lru } from '../../../src/store/eviction/lru.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import type { EvictionContext } from '../../../src/store/eviction/policy.ts'
import { RecordList } from '../../../src/store/eviction/record-list.ts'
import { EVICTION_WORDS, Records, ValueType } from '../../../src/store/record.ts'
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

/** LRU beside an array of the records in order of access. The index is a sorted array of hashes. */
class Run {
  readonly arena = new Arena(64 * 1024)
  readonly memory = { bytes: 0 }
  readonly lru: Lru
  /** The oldest first. */
  model: Ref[] = []
  isNearlyFull = false
  readonly #records = new Records(this.arena)
  readonly #random: () => number
  readonly #hashes = new Map<Ref, number>()
  #sorted: [hash: number, ref: Ref][] | undefined

  constructor(seed: number, firstSegment = 1, few = 0) {
    // Simulates that many numbers of segments in use.
    while (this.arena.words.length < firstSegment) this.arena.words.push(new Int32Array(0))
    this.#random = seededRandom(seed)
    const context: EvictionContext = {
      arena: this.arena,
      records: this.#records,
      memory: this.memory,
      count: () => this.#hashes.size,
      units: () => 8 * this.#hashes.size,
      isNearlyFull: () => this.isNearlyFull,
      hashOf: (ref) => this.#hashes.get(ref) as number as Hash,
      walk: (cursor, slots, visit) => this.#walk(cursor, slots, visit),
    }
    this.lru = new Lru(context, few)
  }

  get count(): number {
    return this.model.length
  }

  pick(): number {
    return this.#random() % Math.max(1, this.count)
  }

  chance(oneIn: number): boolean {
    return this.#random() % oneIn === 0
  }

  insert(): void {
    const ref = this.arena.alloc(8)
    this.#records.format(ref, ValueType.STRING, 0, 0, 0, 0)
    const hash = Math.imul(this.#random(), 0x9e3779b1) | 0
    this.lru.inserted(ref)
    this.#hashes.set(ref, hash)
    this.#sorted = undefined
    this.model.push(ref)
  }

  access(place: number): void {
    const [ref] = this.model.splice(place, 1)
    this.lru.accessed(ref)
    this.model.push(ref)
  }

  remove(place: number): void {
    const [ref] = this.model.splice(place, 1)
    this.lru.removed(ref)
    this.#forget(ref)
    this.arena.free(ref)
  }

  move(place: number): void {
    const from = this.model[place]
    const to = this.arena.alloc(8)
    this.#records.format(to, ValueType.STRING, 0, 0, 0, 0)
    this.#records.copyAccess(from, to)
    this.#hashes.set(to, this.#hashes.get(from) as number)
    this.lru.moved(from, to)
    this.#forget(from)
    this.arena.free(from)
    this.model[place] = to
  }

  evict(): void {
    expect(this.lru.victim(NULL_REF)).toBe(this.model[0] ?? NULL_REF)
    if (this.count !== 0) this.remove(0)
  }

  /** The oldest record is not to be evicted. */
  evictNext(): void {
    expect(this.lru.victim(this.model[0] ?? NULL_REF)).toBe(this.model[1] ?? NULL_REF)
    if (this.count > 1) this.remove(1)
  }

  verify(): void {
    this.lru.verify()
    const listed: Ref[] = []
    this.lru.forEach((ref) => {
      listed.push(ref)
    })
    expect(listed.sort()).toEqual([...this.model].sort())
  }

  #forget(ref: Ref): void {
    this.#hashes.delete(ref)
    this.#sorted = undefined
  }

  #walk(cursor: number, slots: number, visit: (ref: Ref, hash: Hash) => void): number {
    this.#sorted ??= [...this.#hashes]
      .map(([ref, hash]) => [hash >>> 0, ref] as [number, Ref])
      .sort((a, b) => a[0] - b[0])
    const sorted = this.#sorted
    let from = 0
    for (let high = sorted.length; from < high; ) {
      const middle = (from + high) >>> 1
      if (sorted[middle][0] < cursor) from = middle + 1
      else high = middle
    }
    let visited = 0
    for (let i = from; i < sorted.length; i++, visited++) {
      if (visited >= slots && sorted[i][0] !== sorted[i - 1][0]) return sorted[i][0]
      visit(sorted[i][1], (sorted[i][0] | 0) as Hash)
    }
    return 0
  }
}

/** Random operations on about `most` records. */
function play(run: Run, most: number, operations: number): void {
  for (let i = 0; i < operations; i++) {
    if (run.count === 0 || (run.count < most && run.chance(2))) run.insert()
    else if (run.chance(12)) run.remove(run.pick())
    else if (run.chance(11)) run.move(run.pick())
    else if (run.count >= most && run.chance(3)) run.evict()
    else if (run.count >= most && run.chance(8)) run.evictNext()
    // Many accesses are to a few records.
    else run.access(run.chance(2) ? run.pick() : Math.max(0, run.count - 1 - (run.pick() % 8)))
    if (i % 97 === 0) run.verify()
  }
}

describe('random operations', () => {
  test.each([
    ['positive', 1],
    ['negative', 2 ** 32 / 8192 / 2],
  ])('with references that are %s int32', (_sign, firstSegment) => {
    const run = new Run(8, firstSegment)
    play(run, 50, 6000)
    run.insert()
    expect(run.model.at(-1)).toBe(run.lru.latest())
    expect(run.model[0] < 0).toBe(firstSegment > 1)
    while (run.count > 0) run.evict()
    expect(run.lru.victim(NULL_REF)).toBe(NULL_REF)
    run.lru.forget()
    expect(run.memory.bytes).toBe(0)
  })

  test.each([1, 2, 3, 10, 700])('on %i records, put in order at the first eviction or before it', (most) => {
    for (const isNearlyFull of [false, true]) {
      const run = new Run(most)
      run.isNearlyFull = isNearlyFull
      play(run, most, 4000)
      run.verify()
      while (run.count > 0) run.evict()
      run.lru.forget()
      expect(run.memory.bytes).toBe(0)
    }
  })

  test('in any sequence', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 120 }), fc.boolean(), (seed, most, isNearlyFull) => {
        const run = new Run(seed)
        run.isNearlyFull = isNearlyFull
        play(run, most, 600)
        while (run.count > 0) run.evict()
      }),
      { numRuns: 30 },
    )
  })
})

test('records that were read all the time but one are the last to be evicted', () => {
  const run = new Run(3)
  for (let i = 0; i < 3000; i++) run.insert()
  for (let i = 0; i < 1500; i++) run.evict()
  // Old and other records are read, and evictions go on.
  for (let i = 0; i < 1200; i++) {
    run.access(run.pick())
    run.access(0)
    run.evict()
  }
  run.verify()
})

test('commands while the records are put in order', () => {
  for (let seed = 0; seed < 20; seed++) {
    const run = new Run(seed)
    const count = 600 + 200 * seed
    for (let i = 0; i < count; i++) run.insert()
    for (let i = 0; i < count; i++) run.access(run.pick())
    // Holes, so that records move to any place.
    for (let i = 0; i < count / 4; i++) run.remove(run.pick())
    run.isNearlyFull = true
    for (let i = 0; i < count / 4; i++) {
      run.insert()
      run.access(run.pick())
      run.move(run.pick())
      run.move(run.pick())
      run.remove(run.pick())
      if (i % 16 === 0) run.verify()
    }
    run.verify()
    while (run.count > 0) run.evict()
  }
})

test.each([
  ['insertions', (run: Run) => run.insert()],
  ['records that move, since they may have grown', (run: Run) => run.move(run.pick())],
])('the records are put in order when the store is nearly full: after %s', (_, change) => {
  const run = new Run(11)
  for (let i = 0; i < 5000; i++) run.insert()
  for (let i = 0; i < 20; i++) change(run)
  expect(run.memory.bytes).toBe(0)
  run.isNearlyFull = true
  for (let i = 0; i < 20; i++) change(run)
  expect(run.memory.bytes).toBeGreaterThan(4 * 5000)
  // Each access does a part of the work. The memory is freed at its end.
  for (let i = 0; i < 1000; i++) run.access(run.pick())
  expect(run.memory.bytes).toBe(0)
  for (let i = 0; i < 100; i++) run.evict()
})

test('pages of collections are no records, whatever they contain', () => {
  const run = new Run(12)
  const pages = Array.from({ length: 1000 }, () => {
    run.insert()
    const page = run.arena.alloc(4)
    const at = (page & run.arena.unitMask) << 1
    const words = run.arena.words[page >>> run.arena.shift].subarray(at + 1, at + 8).fill(-1)
    return words
  })
  while (run.count > 0) run.evict()
  for (const words of pages) expect([...words]).toEqual(new Array(7).fill(-1))
})

test('a large store that is full at once: the oldest record of a sample is evicted until all are in order', () => {
  const run = new Run(10)
  const count = 3 * Ordering.MOST_WORK
  for (let i = 0; i < count; i++) run.insert()
  const placeOf = new Map(run.model.map((ref, place) => [ref, place]))
  let exact = -1
  let evicted = 0
  for (; evicted < 20; evicted++) {
    const ref = run.lru.victim(NULL_REF)
    const place = placeOf.get(ref) as number
    expect(place).toBeLessThan(count / 4)
    if (exact < 0 && place === 0) exact = evicted
    run.remove(run.model.indexOf(ref))
    placeOf.delete(ref)
  }
  expect(exact).toBeGreaterThan(2)
  expect(exact).toBeLessThan(10)
  run.verify()
  for (let i = 0; i < 100; i++) run.evict()
})

test('stamps wrap around, and the order stays', () => {
  const run = new Run(4)
  run.isNearlyFull = true
  for (let i = 0; i < 300; i++) run.insert()
  run.lru.setStamp(2 ** 31 - 500)
  for (let i = 0; i < 300; i++) run.access(0)
  play(run, 300, 3000)
  while (run.count > 0) run.evict()
})

test('records that were not accessed for very long stay the oldest', () => {
  const run = new Run(5)
  for (let i = 0; i < 200; i++) run.insert()
  for (let i = 100; i < 200; i++) run.access(100)
  // Three times around, a hundred records are accessed and the others are not.
  for (let round = 0; round < 24; round++) {
    for (let step = 0; step < 2 ** 13; step++) {
      run.lru.setStamp(round * 2 ** 29 + (step + 1) * 2 ** 16 - 1)
      run.access(100)
    }
    for (let i = 100; i < 200; i++) run.access(100)
  }
  const old = new Set(run.model.slice(0, 100))
  for (let i = 0; i < 100; i++) {
    const ref = run.lru.victim(NULL_REF)
    expect(old.delete(ref)).toBe(true)
    run.remove(run.model.indexOf(ref))
  }
  while (run.count > 0) run.evict()
})

describe('another policy', () => {
  /** The order of a list, the oldest first. */
  function orderOf(list: RecordList): Ref[] {
    const refs: Ref[] = []
    list.forEach((ref) => {
      refs.push(ref)
    })
    return refs.reverse()
  }

  test('takes a few records over in their order', () => {
    const run = new Run(6)
    play(run, 400, 3000)
    expect(run.lru.prepareRelease(1000)).toBe(true)
    const list = new RecordList(run.arena)
    run.lru.release(list)
    expect(orderOf(list)).toEqual(run.model)
    run.lru.adopt(list)
    play(run, 400, 1000)
    while (run.count > 0) run.evict()
  })

  test('takes many records over in steps, in their order, while there are commands', () => {
    const run = new Run(7)
    play(run, 2000, 500)
    for (let i = 0; !run.lru.prepareRelease(100); i++) {
      run.insert()
      run.access(run.pick())
      run.remove(run.pick())
      run.move(run.pick())
      if (i % 5 === 0) run.verify()
    }
    const list = new RecordList(run.arena)
    run.lru.release(list)
    expect(orderOf(list)).toEqual(run.model)
  })
})

test('the words of a record are not those of its neighbours', () => {
  const run = new Run(9)
  for (let i = 0; i < 10; i++) run.insert()
  const wordsOf = (ref: Ref): number[] => {
    const at = ((ref & run.arena.unitMask) << 1) + EVICTION_WORDS
    return [...run.arena.words[ref >>> run.arena.shift].subarray(at, at + 2)]
  }
  const others = run.model.slice(1)
  const before = others.map(wordsOf)
  run.access(0)
  expect(others.map(wordsOf)).toEqual(before)
})

// W-TinyLFU: what is accessed often stays, whatever passes by; and its queues and sketch after any operations.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../../src/bytes/hash.ts'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { Mode, Queues } from '../../../src/store/eviction/queues.ts'
import { FrequencySketch } from '../../../src/store/eviction/sketch.ts'
import { evictionContract, NamedStore } from '../../contracts/eviction.contract.ts'
import { seededRandom } from '../../support/random.ts'
import { operations, PolicyRun } from './policy-run.ts'

const wTinyLfu = EVICTION_POLICIES['w-tinylfu']

evictionContract('w-tinylfu', wTinyLfu)

describe('w-tinylfu', () => {
  test('a scan of new keys evicts none that was read often', () => {
    const at = new NamedStore(wTinyLfu, 256 * 1024)
    const kept = Array.from({ length: 300 }, (_, i) => `kept${i}`)
    for (const key of kept) at.put(key, 40)
    for (let i = 0; i < 5; i++) for (const key of kept) at.get(key)
    for (let i = 0; i < 10_000; i++) {
      at.put(`scanned${i}`, 40)
      at.get(kept[i % 300])
    }
    expect(kept.filter((key) => at.peek(key) === NULL_REF)).toEqual([])
    expect(at.store.evicted).toBeGreaterThan(5000)
  })

  test('a loop over more keys than fit hits some of them, where LRU hits none', () => {
    const hits = [wTinyLfu, EVICTION_POLICIES.lru].map((policy) => {
      const at = new NamedStore(policy, 64 * 1024)
      let found = 0
      for (let i = 0; i < 30_000; i++) {
        if (at.get(`k${i % 2000}`) === undefined) at.put(`k${i % 2000}`, 40)
        else found++
      }
      return found
    })
    expect(hits[1]).toBe(0)
    expect(hits[0]).toBeGreaterThan(3000)
  })

  test('a read never takes memory: the budget holds while the sketch grows', () => {
    const maxBytes = 2 ** 18
    const at = new NamedStore(EVICTION_POLICIES.lru, maxBytes)
    for (let i = 0; at.store.evicted < 10; i++) at.put(`k${i}`)
    at.store.eviction = wTinyLfu
    while (!at.store.changeEviction(10_000));
    let most = 0
    for (let i = 0; i < 300; i++) {
      if (i % 3 === 2) at.put(`new${i}`)
      else at.get('k1000')
      most = Math.max(most, at.store.usedBytes)
    }
    expect(most).toBeLessThanOrEqual(maxBytes)
    expect(at.store.evictionBytes).toBeGreaterThan(10 * at.store.size)
    at.store.verify()
  })

  test('the sketch shrinks when large entries have taken the place of many small ones', () => {
    const at = new NamedStore(wTinyLfu, 2 ** 20)
    for (let i = 0; i < 30_000; i++) at.put(`k${i}`)
    const { evictionBytes } = at.store
    for (let i = 0; i < 4000; i++) at.get(`large${i % 150}`) ?? at.put(`large${i % 150}`, 10_000)
    expect(at.store.size).toBeLessThan(200)
    expect(at.store.evictionBytes).toBeLessThan(evictionBytes / 20)
    at.store.verify()
  })

  test('any operations: the same records in the same queues as with arrays', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const run = new PolicyRun((context) => new Queues(context, Mode.W_TINY_LFU))
        const model = new Model(run)
        for (const step of steps) {
          const done = run.apply(step)
          if (done === undefined) continue
          const { name, ref, other, hash, before } = done
          if (name === 'insert') model.insert(ref, hash, before)
          else if (name === 'access') model.access(ref)
          else if (name === 'remove') model.remove(ref)
          else if (name === 'move') model.move(ref, other)
          else expect(ref).toBe(model.evict(other))
          expect(run.listed()).toEqual(model.listed())
        }
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  // Every mode on the same queues: none loses a record, names an excepted one, or one that is not there.
  test.each(Object.entries(Mode))('any operations in mode %s', (_, mode) => {
    fc.assert(
      fc.property(operations, (steps) => {
        const run = new PolicyRun((context) => new Queues(context, mode))
        const present = new Set<number>()
        for (const step of steps) {
          const done = run.apply(step)
          if (done === undefined) continue
          const { name, ref, other, before } = done
          if (name === 'insert') {
            present.delete(before)
            present.add(ref)
          } else if (name === 'move') {
            present.delete(ref)
            present.add(other)
          } else if (name === 'remove') present.delete(ref)
          else if (name === 'evict') {
            expect(ref).not.toBe(other === NULL_REF ? undefined : other)
            expect(ref === NULL_REF).toBe(present.size === (present.has(other) ? 1 : 0))
            expect(present.delete(ref)).toBe(ref !== NULL_REF)
          }
          expect(new Set(run.listed())).toEqual(present)
          expect(run.listed().length).toBe(present.size)
        }
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})

describe('the sketch', () => {
  test('never counts less than a key was accessed within a period, and rarely more', () => {
    const memory = { bytes: 0 }
    const sketch = new FrequencySketch(memory)
    const random = seededRandom(3)
    const counts = new Map<Hash, number>()
    for (let i = 0; i < 2000; i++) {
      const hash = (random() | 0) as Hash
      const times = random() % 4
      counts.set(hash, times)
      sketch.resizeFor(2000)
      for (let j = 0; j < times; j++) sketch.add(hash, 2000)
    }
    let exact = 0
    for (const [hash, times] of counts) {
      expect(sketch.frequency(hash)).toBeGreaterThanOrEqual(times)
      if (sketch.frequency(hash) === times) exact++
    }
    expect(exact).toBeGreaterThan(1800)
    expect(memory.bytes).toBe(1024 * 33)
    sketch.clear()
    expect(memory.bytes).toBe(0)
    expect(sketch.frequency([...counts.keys()][0])).toBe(0)
  })

  test('halves the counts once a period, and keeps them when it grows', () => {
    const sketch = new FrequencySketch({ bytes: 0 })
    const hash = 12345 as Hash
    sketch.resizeFor(100)
    for (let i = 0; i < 20; i++) sketch.add(hash, 100)
    expect(sketch.frequency(hash)).toBe(15)
    for (let i = 0; i < 10; i++) sketch.resizeFor(20_000)
    expect(sketch.frequency(hash)).toBe(15)
    for (let i = 0; i < 600; i++) sketch.add(2 as Hash, 100)
    expect(sketch.frequency(hash)).toBe(7)
    for (let i = 0; i < 600; i++) sketch.add(2 as Hash, 100)
    expect(sketch.frequency(hash)).toBe(3)
  })

  test('grows and shrinks by 33 KiB at a time, and finds its counts at every size on the way', () => {
    const memory = { bytes: 0 }
    const sketch = new FrequencySketch(memory)
    const random = seededRandom(4)
    const hashes = Array.from({ length: 500 }, () => (random() | 0) as Hash)
    sketch.resizeFor(500)
    for (const hash of hashes) for (let i = 0; i < 5; i++) sketch.add(hash, 100_000)
    const resize = (records: number): number => {
      let steps = 0
      for (let before = -1; before !== memory.bytes; steps++) {
        before = memory.bytes
        sketch.resizeFor(records)
        expect(Math.abs(memory.bytes - before)).toBeLessThanOrEqual(33 * 1024)
      }
      return steps
    }
    for (let records = 1000; records <= 24_000; records += 1000) {
      resize(records)
      for (const hash of hashes) expect(sketch.frequency(hash)).toBeGreaterThanOrEqual(5)
      expect(memory.bytes).toBeGreaterThanOrEqual(11 * records)
      expect(memory.bytes).toBeLessThan(11 * records + 33 * 1024)
    }
    expect(resize(200_000)).toBeGreaterThan(50)
    for (const hash of hashes) sketch.add(hash, 200_000)
    expect(Math.min(...hashes.map((hash) => sketch.frequency(hash)))).toBeGreaterThanOrEqual(6)
    resize(200)
    expect(memory.bytes).toBeLessThan(4 * 11 * 200)
    resize(32_000)
    for (const hash of hashes) sketch.add(hash, 32_000)
    expect(Math.min(...hashes.map((hash) => sketch.frequency(hash)))).toBeGreaterThanOrEqual(1)
    sketch.clear()
    expect(memory.bytes).toBe(0)
  })
})

/** The algorithm with arrays, the oldest first. Only the sketch is the same. */
class Model {
  window: Ref[] = []
  probation: Ref[] = []
  protected: Ref[] = []
  readonly #run: PolicyRun
  readonly #hashes = new Map<Ref, Hash>()
  readonly #sketch = new FrequencySketch({ bytes: 0 })
  #isFull = false

  constructor(run: PolicyRun) {
    this.#run = run
  }

  insert(ref: Ref, hash: Hash, before: Ref): void {
    // A record that replaces another one stays in its queue.
    const queue = this.protected.includes(before)
      ? 'protected'
      : this.probation.includes(before)
        ? 'probation'
        : 'window'
    this.remove(before)
    this[queue].push(ref)
    this.#hashes.set(ref, hash)
    this.#sketch.resizeFor(this.#count)
    this.#sketch.add(hash, this.#count)
    const most = this.#units * 0.01 + (this.#isFull ? (2 * this.#units) / this.#count : 0)
    for (let i = 0; i < 2 && this.#run.units(this.window) > most; i++) {
      const oldest = this.window.find((each) => each !== ref)
      if (oldest === undefined) break
      this.#move(oldest, 'probation')
    }
    this.#isFull = false
  }

  access(ref: Ref): void {
    this.#sketch.add(this.#hashes.get(ref) as Hash, this.#count)
    if (this.window.includes(ref)) {
      this.#move(ref, 'window')
      return
    }
    this.#move(ref, 'protected')
    for (let i = 0; i < 2 && this.#run.units(this.protected) > this.#units * (0.8 * 0.99); i++)
      this.#move(this.protected[0], 'probation')
  }

  remove(ref: Ref): void {
    for (const queue of ['window', 'probation', 'protected'] as const)
      this[queue] = this[queue].filter((each) => each !== ref)
  }

  move(from: Ref, to: Ref): void {
    this.#hashes.set(to, this.#hashes.get(from) as Hash)
    for (const queue of ['window', 'probation', 'protected'] as const)
      this[queue] = this[queue].map((each) => (each === from ? to : each))
  }

  /** The victim, which leaves. */
  evict(except: Ref): Ref {
    const candidate = this.window.find((ref) => ref !== except)
    const oldest = [...this.probation, ...this.protected].find((ref) => ref !== except)
    let victim = candidate ?? oldest
    if (victim === undefined) return NULL_REF
    if (candidate !== undefined && oldest !== undefined) {
      const isShort = this.#run.units(this.window) < this.#units * 0.01
      const wins = this.#frequency(candidate) > this.#frequency(oldest)
      victim = isShort || wins ? oldest : candidate
      if (wins && !isShort) this.#move(candidate, 'probation')
    }
    this.remove(victim)
    this.#isFull = true
    return victim
  }

  /** As the policy lists them. */
  listed(): Ref[] {
    return [...this.protected.toReversed(), ...this.probation.toReversed(), ...this.window.toReversed()]
  }

  #move(ref: Ref, queue: 'window' | 'probation' | 'protected'): void {
    this.remove(ref)
    this[queue].push(ref)
  }

  #frequency(ref: Ref): number {
    return this.#sketch.frequency(this.#hashes.get(ref) as Hash)
  }

  get #units(): number {
    return this.#run.units(this.listed())
  }

  get #count(): number {
    return this.listed().length
  }
}

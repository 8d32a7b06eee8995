// S3-FIFO against a model with arrays: which record leaves next, after any operations.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../../src/bytes/hash.ts'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { GhostKeys } from '../../../src/store/eviction/ghost.ts'
import { EVICTION_POLICIES } from '../../../src/store/eviction/policies.ts'
import { S3Fifo } from '../../../src/store/eviction/s3-fifo.ts'
import { evictionContract, evictionOrder, NamedStore } from '../../contracts/eviction.contract.ts'
import { operations, PolicyRun } from './policy-run.ts'

const s3Fifo = EVICTION_POLICIES['s3-fifo']
const MIB = 2 ** 20

evictionContract('s3-fifo', s3Fifo)

describe('s3-fifo', () => {
  test('records that are read once are evicted before those read twice, in the order of insertion', () => {
    const order = evictionOrder(s3Fifo, ['a', 'b', 'c', 'd'], (at) => {
      for (const key of ['a', 'a', 'c', 'd', 'd', 'd']) at.get(key)
    })
    expect(order).toEqual(['b', 'c', 'a', 'd'])
  })

  test('a scan of new keys evicts none that was read twice', () => {
    const at = new NamedStore(s3Fifo, 256 * 1024)
    const kept = Array.from({ length: 500 }, (_, i) => `kept${i}`)
    for (const key of kept) at.put(key, 40)
    for (const key of [...kept, ...kept]) at.get(key)
    for (let i = 0; i < 20_000; i++) at.put(`scanned${i}`, 40)
    expect(kept.filter((key) => at.peek(key) === NULL_REF)).toEqual([])
    expect(at.store.evicted).toBeGreaterThan(15_000)
  })

  test('a key that comes back soon after its eviction goes to the main queue', () => {
    const at = new NamedStore(s3Fifo, 256 * 1024)
    for (let i = 0; at.store.evicted < 500; i++) at.put(`k${i}`, 40)
    expect(at.peek('k400')).toBe(NULL_REF)
    at.put('k400', 40)
    for (let i = 0; i < 10_000; i++) at.put(`later${i}`, 40)
    expect(at.peek('k400')).not.toBe(NULL_REF)
    expect(at.peek('later0')).toBe(NULL_REF)
    at.store.verify()
  })

  test('a hit writes nothing but the record', () => {
    const at = new NamedStore(s3Fifo, MIB)
    const refs = ['a', 'b', 'c'].map((key) => at.put(key))
    const words = (): number[][] =>
      refs.map((ref) => Array.from({ length: 5 }, (_, i) => at.store.records.word(ref, i)))
    const [a, b, c] = words()
    for (let i = 0; i < 5; i++) at.get('b')
    const after = words()
    expect([after[0], after[2]]).toEqual([a, c])
    // Only the count of hits has changed.
    expect(after[1].map((word, i) => word ^ b[i])).toEqual([0, 3 << 13, 0, 0, 0])
  })

  test('its memory beside the records counts, and leaves when one record needs all room', () => {
    const at = new NamedStore(s3Fifo, 256 * 1024)
    for (let i = 0; i < 10_000; i++) at.put(`k${i}`, 40)
    const { evictionBytes, size } = at.store
    expect(evictionBytes).toBeGreaterThan(size)
    expect(evictionBytes).toBeLessThan(3 * size)
    const free = 256 * 1024 - at.store.usedBytes
    expect(free).toBeGreaterThanOrEqual(0)
    const largest = 256 * 1024 - at.store.minBytes - 64
    expect(at.put('large', largest)).not.toBe(NULL_REF)
    expect(at.scan()).toEqual(['large'])
    expect(at.store.usedBytes).toBeLessThanOrEqual(256 * 1024)
    at.store.verify()
  })

  test('any operations: the same records in the same queues as with arrays', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const run = new PolicyRun((context) => new S3Fifo(context))
        const model = new Model()
        for (const step of steps) {
          const done = run.apply(step)
          if (done === undefined) continue
          const { name, ref, other, hash, before } = done
          if (name === 'insert') model.insert(ref, hash, before)
          else if (name === 'access') model.hit(ref)
          else if (name === 'remove') model.remove(ref)
          else if (name === 'move') model.move(ref, other)
          else expect(ref).toBe(model.evict(run, other, hash))
          expect(run.listed()).toEqual([...model.main.toReversed(), ...model.small.toReversed()])
        }
      }),
      { seed: 1, numRuns: 150 },
    )
  })
})

/** The algorithm with arrays, the oldest first. */
class Model {
  small: Ref[] = []
  main: Ref[] = []
  readonly #hits = new Map<Ref, number>()
  readonly #ghost = new GhostKeys({ bytes: 0 })

  insert(ref: Ref, hash: Hash, before: Ref): void {
    const wasSmall = this.small.includes(before)
    const hits = this.#hits.get(before)
    if (hits !== undefined) this.remove(before)
    const isSmall = hits === undefined ? !this.#ghost.take(hash) : wasSmall
    ;(isSmall ? this.small : this.main).push(ref)
    this.#ghost.resize()
    this.#hits.set(ref, hits === undefined ? 0 : Math.min(3, hits + 1))
  }

  hit(ref: Ref): void {
    this.#hits.set(ref, Math.min(3, this.#hitsOf(ref) + 1))
  }

  remove(ref: Ref): void {
    this.small = this.small.filter((each) => each !== ref)
    this.main = this.main.filter((each) => each !== ref)
    this.#hits.delete(ref)
  }

  move(from: Ref, to: Ref): void {
    this.#hits.set(to, this.#hitsOf(from))
    this.#hits.delete(from)
    this.small = this.small.map((each) => (each === from ? to : each))
    this.main = this.main.map((each) => (each === from ? to : each))
  }

  /** The victim, which leaves. */
  evict(run: PolicyRun, except: Ref, hash: Hash): Ref {
    for (;;) {
      const small = this.small.filter((ref) => ref !== except)
      const main = this.main.filter((ref) => ref !== except)
      const smallUnits = run.units(this.small)
      const isSmall =
        small.length > 0 &&
        (main.length === 0 ||
          smallUnits >=
            (smallUnits + run.units(this.main)) * (1 / 10 - 1 / (this.small.length + this.main.length)))
      const ref = (isSmall ? small : main).at(0)
      if (ref === undefined) return NULL_REF
      const hits = this.#hitsOf(ref)
      if (hits < (isSmall ? 2 : 1)) {
        if (isSmall) this.#ghost.add(hash, (run.count + 1) * 0.9)
        this.remove(ref)
        return ref
      }
      this.remove(ref)
      this.main.push(ref)
      this.#hits.set(ref, isSmall ? 0 : hits - 1)
    }
  }

  #hitsOf(ref: Ref): number {
    return this.#hits.get(ref) as number
  }
}

// Hashes in a store against maps: packed and paged, while records are evicted, moved and given TTLs.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hasher } from '../../../src/bytes/hash.ts'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { CollectionTwin } from './collection-twin.ts'

/** All fields with the same hash, if it is constant. */
class ConstantHasher extends Hasher {
  isConstant = false

  override hash(bytes: Uint8Array, start: number, end: number): ReturnType<Hasher['hash']> {
    const hash = super.hash(bytes, start, end)
    return this.isConstant ? ((hash & 3) as typeof hash) : hash
  }
}

class HashTwin extends CollectionTwin<Map<string, string>> {
  readonly hasher: ConstantHasher

  constructor(maxBytes: number) {
    const hasher = new ConstantHasher({ low: 1, high: 2 })
    super(maxBytes, hasher)
    this.hasher = hasher
  }

  /** False: refused. */
  set(key: string, fieldText: string, valueText: string): boolean {
    const { store, model } = this
    const field = Buffer.from(fieldText)
    const value = Buffer.from(valueText)
    const ref = this.open(key, ValueType.HASH, field.length + value.length, new Map())
    if (ref === NULL_REF) return false
    const hash = model.get(key) ?? new Map()
    const moved = store.hashes.set(ref, field, 0, field.length, value, 0, value.length)
    expect(store.hashes.found).toBe(hash.has(fieldText))
    hash.set(fieldText, valueText)
    this.finish(key, moved, hash.size)
    return true
  }

  remove(key: string, fieldText: string): void {
    const { store, model } = this
    const ref = this.find(key)
    const hash = model.get(key)
    if (ref === NULL_REF || hash === undefined) return
    const field = Buffer.from(fieldText)
    const moved = store.hashes.remove(ref, field, 0, field.length)
    expect(store.hashes.found).toBe(hash.delete(fieldText))
    this.finish(key, moved, hash.size)
  }

  protected override compare(ref: Ref, hash: Map<string, string>): void {
    const { store } = this
    expect(store.hashes.length(ref)).toBe(hash.size)
    const found: [string, string][] = []
    for (let is = store.hashes.seek(ref, 0); is; is = store.hashes.next()) found.push(this.#pair())
    expect(new Map(found)).toEqual(hash)
    expect(found.length).toBe(hash.size)
    const scanned: [string, string][] = []
    for (let cursor = 0; ; ) {
      cursor = store.hashes.scan(ref, cursor, 7, () => scanned.push(this.#pair()))
      if (cursor === 0) break
    }
    expect(scanned).toEqual(found)
    for (const [field, value] of hash) expect(this.get(ref, field)).toBe(value)
    expect(this.get(ref, 'no such field')).toBeUndefined()
    for (const [rank, pair] of found.entries()) {
      expect(store.hashes.seek(ref, rank)).toBe(true)
      expect(this.#pair()).toEqual(pair)
    }
  }

  get(ref: Ref, fieldText: string): string | undefined {
    const field = Buffer.from(fieldText)
    const { hashes } = this.store
    return hashes.get(ref, field, 0, field.length) ? hashes.value.copy().toString() : undefined
  }

  #pair(): [string, string] {
    const { field, value } = this.store.hashes
    return [field.copy().toString(), value.copy().toString()]
  }
}

const key = fc.nat(9).map((n) => `hash ${n}`)
const text = (letter: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => letter.repeat(n)) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 3000 }).map((n) => letter.repeat(n)) },
  )
const step = fc.record({
  key,
  first: fc.nat(400),
  name: text('f'),
  value: text('v'),
  how: fc.nat(9),
  times: fc.integer({ min: 1, max: 60 }),
})

test.each([
  [64 * 1024, false],
  [400 * 1024, false],
  [400 * 1024, true],
])('hashes in %i bytes are what maps would be; colliding fields: %s', (maxBytes, isConstant) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const twin = new HashTwin(maxBytes)
      twin.hasher.isConstant = isConstant
      for (const { key, first, name, value, how, times } of steps) {
        for (let i = 0; i < times; i++) {
          if (how < 6) twin.set(key, `${name}${first + i}`, value)
          else if (how < 9) twin.remove(key, `${name}${first + i}`)
        }
        if (how === 9) twin.expire(key)
        twin.check()
      }
    }),
    { numRuns: 30 },
  )
})

test('a hash that would exceed the budget alone is refused, and nothing is evicted for it', () => {
  const twin = new HashTwin(64 * 1024)
  twin.set('other', 'field', 'kept')
  let inserted = 0
  while (twin.set('large', `field ${inserted}`, 'x'.repeat(100))) inserted++
  expect(inserted).toBeGreaterThan(200)
  twin.check()
  const before = twin.store.evicted
  expect(twin.set('large', 'one more', 'y'.repeat(2000))).toBe(false)
  expect(twin.store.evicted).toBe(before)
  twin.check()
})

test('no byte is lost', () => {
  const twin = new HashTwin(2 ** 26)
  const empty = twin.store.usedBytes
  for (let i = 0; i < 8000; i++) twin.set(`k${i % 3}`, `field ${i % 4000}`, 'v'.repeat(i % 40))
  for (let i = 0; i < 4000; i++) for (let k = 0; k < 3; k++) twin.remove(`k${k}`, `field ${i}`)
  twin.store.verify()
  expect(twin.model.size).toBe(0)
  // The rows of the regions stay.
  expect(twin.store.usedBytes).toBeLessThanOrEqual(empty + 16 * 32)
})

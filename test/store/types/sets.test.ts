// Sets in a store against JavaScript's: packed and paged, of integers and other members, while records are evicted, moved
// and given TTLs.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { CollectionTwin } from './collection-twin.ts'

const TABLE = 1

class SetTwin extends CollectionTwin<Set<string>> {
  /** False: refused. */
  add(key: string, text: string): boolean {
    const { store, model } = this
    const member = Buffer.from(text)
    const ref = this.open(key, ValueType.SET, member.length, new Set())
    if (ref === NULL_REF) return false
    const set = model.get(key) ?? new Set()
    const moved = store.sets.add(ref, member, 0, member.length)
    expect(store.sets.found).toBe(set.has(text))
    set.add(text)
    this.finish(key, moved, set.size)
    return true
  }

  remove(key: string, text: string): void {
    const { store, model } = this
    const ref = this.find(key)
    const set = model.get(key)
    if (ref === NULL_REF || set === undefined) return
    const member = Buffer.from(text)
    const moved = store.sets.remove(ref, member, 0, member.length)
    expect(store.sets.found).toBe(set.delete(text))
    this.finish(key, moved, set.size)
  }

  pop(key: string, share: number): void {
    const { store, model } = this
    const ref = this.find(key)
    const set = model.get(key)
    if (ref === NULL_REF || set === undefined) return
    const rank = Math.floor(share * set.size)
    expect(store.sets.seek(ref, rank)).toBe(true)
    expect(set.delete(store.sets.member.copy().toString())).toBe(true)
    const moved = store.sets.removeRead(ref)
    store.sets.reconsider(moved)
    this.finish(key, moved, set.size)
  }

  protected override compare(ref: Ref, set: Set<string>): void {
    const { store } = this
    expect(store.sets.size(ref)).toBe(set.size)
    const found: string[] = []
    for (let is = store.sets.first(ref); is; is = store.sets.next()) found.push(this.#member())
    if ((store.collections.flags(ref) & TABLE) === 0)
      expect(found).toEqual([...set].sort((a, b) => Number(BigInt(a) - BigInt(b))))
    else expect(found.sort()).toEqual([...set].sort())
    const scanned: string[] = []
    for (let cursor = 0; ; ) {
      cursor = store.sets.scan(ref, cursor, 7, () => scanned.push(this.#member()))
      if (cursor === 0) break
    }
    expect(scanned.sort()).toEqual([...set].sort())
    for (const member of set) {
      const bytes = Buffer.from(member)
      expect(store.sets.has(ref, bytes, 0, bytes.length)).toBe(true)
    }
    expect(store.sets.has(ref, Buffer.from('no such member'), 0, 14)).toBe(false)
    const ranked = new Set(
      Array.from(set, (_, rank) => (store.sets.seek(ref, rank) ? this.#member() : undefined)),
    )
    expect(ranked).toEqual(set)
  }

  #member(): string {
    return this.store.sets.member.copy().toString()
  }
}

const step = fc.record({
  key: fc.nat(9).map((n) => `set ${n}`),
  first: fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer()),
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constant('') },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 30 }).map((n) => 'm'.repeat(n)) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 3000 }).map((n) => 'm'.repeat(n)) },
  ),
  share: fc.double({ min: 0, max: 0.999, noNaN: true }),
  how: fc.nat(10),
  times: fc.integer({ min: 1, max: 80 }),
})

test.each([64 * 1024, 400 * 1024])("sets in %i bytes are what JavaScript's would be", (maxBytes) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const twin = new SetTwin(maxBytes)
      for (const { key, first, name, share, how, times } of steps) {
        for (let i = 0; i < times; i++) {
          if (how < 6) twin.add(key, `${name}${first + i}`)
          else if (how < 8) twin.remove(key, `${name}${first + i}`)
          else if (how < 10) twin.pop(key, share)
        }
        if (how === 10) twin.expire(key)
        twin.check()
      }
    }),
    { numRuns: 30 },
  )
})

test('a set that would exceed the budget alone is refused, and nothing is evicted for it', () => {
  const twin = new SetTwin(64 * 1024)
  twin.add('other', 'kept')
  let inserted = 0
  while (twin.add('large', `${'x'.repeat(100)}${inserted}`)) inserted++
  expect(inserted).toBeGreaterThan(200)
  twin.check()
  const before = twin.store.evicted
  expect(twin.add('large', 'y'.repeat(2000))).toBe(false)
  expect(twin.store.evicted).toBe(before)
  twin.check()
})

test('no byte is lost', () => {
  const twin = new SetTwin(2 ** 26)
  const empty = twin.store.usedBytes
  for (let i = 0; i < 8000; i++) twin.add(`k${i % 3}`, `member ${i}`)
  for (const [key, set] of twin.model) while (set.size > 0) twin.pop(key, 0.5)
  twin.store.verify()
  expect(twin.model.size).toBe(0)
  // The rows of the regions stay.
  expect(twin.store.usedBytes).toBeLessThanOrEqual(empty + 16 * 32)
})

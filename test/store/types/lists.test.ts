// Lists in a store against plain arrays: packed and paged, while records are evicted, moved and given TTLs.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { CollectionTwin, makeStore } from './collection-twin.ts'

class ListTwin extends CollectionTwin<string[]> {
  /** Inserts where the share of the length says. False: refused. */
  insert(key: string, share: number, element: string): boolean {
    const { store, model } = this
    const bytes = Buffer.from(element)
    const ref = this.open(key, ValueType.LIST, bytes.length, [])
    if (ref === NULL_REF) return false
    const list = model.get(key) ?? []
    const index = Math.round(share * list.length)
    const moved = store.lists.insert(ref, index, bytes, 0, bytes.length)
    list.splice(index, 0, element)
    this.finish(key, moved, list.length)
    return true
  }

  change(key: string, share: number, element: string | undefined): void {
    const { store, model } = this
    const ref = this.find(key)
    const list = model.get(key)
    if (ref === NULL_REF || list === undefined) return
    const index = Math.min(list.length - 1, Math.floor(share * list.length))
    const bytes = Buffer.from(element ?? '')
    if (element !== undefined && !store.collections.fits(ref, bytes.length, 1)) return
    const moved =
      element === undefined
        ? store.lists.remove(ref, index)
        : store.lists.set(ref, index, bytes, 0, bytes.length)
    if (element === undefined) list.splice(index, 1)
    else list[index] = element
    this.finish(key, moved, list.length)
  }

  /** Removes what was read just before, where the share of the length says. */
  take(key: string, share: number): void {
    const { lists } = this.store
    const ref = this.find(key)
    const list = this.model.get(key)
    if (ref === NULL_REF || list === undefined) return
    const index = Math.min(list.length - 1, Math.floor(share * list.length))
    lists.seek(ref, index)
    expect([lists.span.copy().toString()]).toEqual(list.splice(index, 1))
    this.finish(key, list.length === 0 ? ref : lists.removeRead(ref, index), list.length)
  }

  protected override compare(ref: Ref, list: string[]): void {
    const { lists } = this.store
    expect(lists.length(ref)).toBe(list.length)
    const found: string[] = []
    for (let is = lists.seek(ref, 0); is; is = lists.next()) found.push(lists.span.copy().toString())
    expect(found).toEqual(list)
  }
}

const key = fc.nat(12).map((n) => `list ${n}`)
const share = fc.double({ min: 0, max: 1, noNaN: true })
const element = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => 'e'.repeat(n)) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 3000 }).map((n) => 'm'.repeat(n)) },
)
const step = fc.record({
  key,
  share: fc.oneof(fc.constant(0), fc.constant(1), share),
  element,
  how: fc.nat(9),
  times: fc.integer({ min: 1, max: 60 }),
})

test.each([64 * 1024, 300 * 1024])('lists in %i bytes are what arrays would be', (maxBytes) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const twin = new ListTwin(maxBytes)
      for (const { key, share, element, how, times } of steps) {
        for (let i = 0; i < times; i++) {
          if (how < 6) twin.insert(key, share, element)
          else if (how === 6) twin.change(key, share, undefined)
          else if (how === 7) twin.take(key, share)
          else if (how === 8) twin.change(key, share, element)
        }
        if (how === 9) twin.expire(key)
        twin.check()
      }
    }),
    { numRuns: 60 },
  )
})

test('a list that would exceed the budget alone is refused, and nothing is evicted for it', () => {
  const twin = new ListTwin(64 * 1024)
  twin.insert('other', 0, 'kept')
  let inserted = 0
  while (twin.insert('large', 1, 'x'.repeat(100))) inserted++
  expect(inserted).toBeGreaterThan(200)
  twin.check()
  const before = twin.store.evicted
  expect(twin.insert('large', 1, 'y'.repeat(2000))).toBe(false)
  expect(twin.store.evicted).toBe(before)
  twin.check()
})

test('no byte is lost', () => {
  const store = makeStore(2 ** 26)
  const empty = store.usedBytes
  const twin = new ListTwin(2 ** 26)
  for (let i = 0; i < 20_000; i++) twin.insert(`k${i % 7}`, (i % 10) / 10, `element ${i}`)
  while (twin.model.size > 0) for (const each of twin.model.keys()) twin.change(each, 0.5, undefined)
  twin.store.verify()
  // The rows of the regions stay.
  expect(twin.store.usedBytes).toBeLessThanOrEqual(empty + 16 * 32)
})

test.each([0, 1])('a long list whose elements are taken from an end (%i) gives its memory back', (end) => {
  const twin = new ListTwin(2 ** 24)
  const count = 4000
  for (let i = 0; i < count; i++) twin.insert('queue', 1 - end, `element ${i}`.padEnd(60))
  const perElement = twin.store.bytesOf(twin.find('queue')) / count
  for (let left = count; left > 10; left--) {
    twin.take('queue', end)
    if (left % 250 !== 0) continue
    twin.store.verify()
    // A leaf at each end may be roomy, and its page table, which never shrinks, was made for all.
    expect(twin.store.bytesOf(twin.find('queue'))).toBeLessThan(left * perElement + 3 * 4096)
  }
  twin.check()
})

test('a list of a million elements is freed in steps, and its memory counts until then', () => {
  const store = makeStore(2 ** 27)
  const empty = store.usedBytes
  const name = Buffer.from('large')
  const element = Buffer.from('element')
  let ref = store.collections.create(ValueType.LIST, name, 0, name.length, 0)
  for (let i = 0; i < 1_000_000; i++) ref = store.lists.insert(ref, i, element, 0, element.length)
  const full = store.usedBytes
  store.remove(ref)
  expect(store.size).toBe(0)
  const after = store.usedBytes
  expect(after).toBeGreaterThan(empty + 1_000_000)
  expect(after).toBeLessThan(full)
  store.verify()
  // A small one that is deleted meanwhile.
  const small = store.collections.create(ValueType.LIST, name, 0, name.length, 0)
  store.collections.finish(store.lists.insert(small, 0, element, 0, element.length), 1)
  let steps = 0
  for (let used = store.usedBytes; ; used = store.usedBytes, steps++) {
    store.reclaim()
    store.verify()
    if (store.usedBytes === used) break
  }
  expect(steps).toBeGreaterThan(0)
  expect(store.usedBytes).toBeLessThan(empty + 2000)
})

test('memory of a deleted list is used for others before anything is evicted', () => {
  const store = makeStore(2 ** 24)
  const element = Buffer.alloc(100)
  const fill = (key: string, count: number): void => {
    const name = Buffer.from(key)
    let ref = store.collections.create(ValueType.LIST, name, 0, name.length, 0)
    for (let i = 0; i < count; i++) ref = store.lists.insert(ref, i, element, 0, element.length)
    store.collections.finish(ref, count)
  }
  fill('kept', 10)
  fill('large', 120_000)
  const large = Buffer.from('large')
  store.remove(store.peek(large, 0, large.length))
  fill('next', 120_000)
  expect(store.evicted).toBe(0)
  expect(store.size).toBe(2)
  store.verify()
})

// Large collections that are stored as a whole: the same as when they are built element by element, and of the size that was estimated.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { dumpValue } from '../../../src/store/rdb/dump-value.ts'
import { Restorable } from '../../../src/store/rdb/restore-value.ts'
import { RdbWriter } from '../../../src/store/rdb/writer.ts'
import { ValueType } from '../../../src/store/record.ts'
import type { Store } from '../../../src/store/store.ts'
import { attach, copyOf, detach } from '../../../src/store/transfer/detached.ts'
import { orderOfHashes } from '../../../src/store/types/bulk/hash-order.ts'
import { makeStore } from './collection-twin.ts'

const KEY = Buffer.from('key')
const OTHER = Buffer.from('another key')

const TYPES = ['list', 'set', 'hash', 'timed hash', 'zset'] as const
type Type = (typeof TYPES)[number]

const NEVER = 1_900_000_000_000

/** Distinct strings, most of them short. */
const strings = fc
  .uniqueArray(
    fc.oneof(
      { weight: 20, arbitrary: fc.string({ maxLength: 12 }) },
      { weight: 2, arbitrary: fc.integer().map(String) },
      { weight: 1, arbitrary: fc.string({ minLength: 40, maxLength: 60 }) },
      { weight: 1, arbitrary: fc.integer({ min: 230, max: 900 }).map((n) => 'x'.repeat(n)) },
    ),
    { minLength: 129, maxLength: 400 },
  )
  .map((all) => all.map((each) => Buffer.from(each)))

/** The score, or the deadline, of element `i`. */
function numberOf(i: number): number {
  return ((i * 7919) % 97) - 40.5
}

function dumpOf(type: Type, elements: readonly Buffer[]): Buffer {
  const writer = new RdbWriter()
  const put = (each: Buffer): void => writer.element(each, 0, each.length)
  if (type === 'list') writer.beginList()
  else if (type === 'set') writer.beginSet(elements.length)
  else if (type === 'hash') writer.beginHash(elements.length, false)
  else if (type === 'timed hash') writer.beginTimedHash(elements.length, NEVER)
  else writer.beginSortedSet(elements.length, false)
  for (const [i, each] of elements.entries()) {
    if (type === 'zset') writer.scored(each, 0, each.length, numberOf(i))
    else {
      if (type === 'timed hash') writer.fieldDeadline(i % 3 === 0 ? NEVER + i : 0)
      put(each)
      if (type !== 'list' && type !== 'set') put(elements[elements.length - 1 - i])
    }
  }
  return writer.finish()
}

function restored(dump: Buffer): Restorable {
  const read = Restorable.read(dump, 0, dump.length)
  return read instanceof Restorable ? read : expect.fail(read)
}

/** Builds the collection element by element. */
function built(store: Store, type: Type, elements: readonly Buffer[]): Ref {
  const { collections, lists, sets, hashes, sortedSets } = store
  const valueType = {
    list: ValueType.LIST,
    set: ValueType.SET,
    hash: ValueType.HASH,
    'timed hash': ValueType.HASH,
    zset: ValueType.SORTED_SET,
  }[type]
  let ref = collections.create(valueType, KEY, 0, KEY.length, 0)
  for (const [i, each] of elements.entries()) {
    if (type === 'list') ref = lists.insert(ref, i, each, 0, each.length)
    else if (type === 'set') ref = sets.add(ref, each, 0, each.length)
    else if (type === 'zset') {
      sortedSets.find(ref, each, 0, each.length)
      sortedSets.score[0] = numberOf(i)
      ref = sortedSets.insert(ref, each, 0, each.length)
    } else {
      const value = elements[elements.length - 1 - i]
      ref = hashes.set(ref, each, 0, each.length, value, 0, value.length)
      if (type !== 'timed hash' || i % 3 !== 0) continue
      hashes.deadline[0] = NEVER + i
      ref = hashes.expire(ref, each, 0, each.length, undefined)
    }
  }
  collections.finish(ref, 1)
  return store.peek(KEY, 0, KEY.length)
}

/** Throws when its trees contradict each other. */
function verify(store: Store, ref: Ref): void {
  store.verify()
  const type = store.records.type(ref)
  if (type === ValueType.SORTED_SET) store.sortedSets.verify(ref)
  else if (type === ValueType.HASH) store.hashes.verify(ref)
}

describe.each(TYPES)('a %s', (type) => {
  test('that is loaded equals one that is built', () => {
    fc.assert(
      fc.property(strings, (elements) => {
        const dump = dumpOf(type, elements)
        const [loaded, other] = [makeStore(2 ** 24), makeStore(2 ** 24)]
        const value = restored(dump)
        const empty = loaded.usedBytes
        const ref = value.store(loaded, KEY, 0, KEY.length, 0)
        verify(loaded, ref)
        // The estimate is no less than what it takes, and not much more.
        const bytes = loaded.usedBytes - empty
        expect(bytes).toBeLessThanOrEqual(value.length + 256)
        expect(value.length).toBeLessThan(1.4 * bytes + 12_000)
        const slow = built(other, type, elements)
        // The trees give all elements in the same order: hashes are the same in both stores.
        expect(dumpValue(loaded, ref).equals(dumpValue(other, slow))).toBe(true)
        expect(loaded.collections.flags(ref)).toBe(other.collections.flags(slow))
        expect(loaded.hashes.hasDeadlines(ref)).toBe(type === 'timed hash')
      }),
      { numRuns: 5, seed: 11, endOnFailure: true },
    )
  })

  test('is copied and renamed page by page', () => {
    fc.assert(
      fc.property(strings, fc.boolean(), (elements, isSame) => {
        const store = makeStore(2 ** 24)
        const target = isSame ? store : makeStore(2 ** 24)
        const ref = restored(dumpOf(type, elements)).store(store, KEY, 0, KEY.length, 0)
        // Page numbers that are not used any more are copied as such.
        const dump = dumpValue(store, ref)
        const copied = copyOf(store, ref, target) ?? expect.fail('no room')
        const copy = attach(target, OTHER, 0, OTHER.length, copied, 0)
        verify(target, copy)
        expect(dumpValue(target, copy).equals(dump)).toBe(true)
        expect(target.bytesOf(copy) - store.bytesOf(store.peek(KEY, 0, KEY.length))).toBeLessThan(64)
        // The copy has pages of its own.
        store.remove(store.peek(KEY, 0, KEY.length))
        expect(dumpValue(target, target.peek(OTHER, 0, OTHER.length)).equals(dump)).toBe(true)
        const used = target.usedBytes
        const renamed = attach(
          target,
          KEY,
          0,
          KEY.length,
          detach(target, target.peek(OTHER, 0, OTHER.length)),
          0,
        )
        expect(target.peek(OTHER, 0, OTHER.length)).toBe(NULL_REF)
        verify(target, renamed)
        expect(dumpValue(target, renamed).equals(dump)).toBe(true)
        expect(target.usedBytes).toBeLessThanOrEqual(used)
        target.remove(renamed)
        for (let left = 100; left > 0; left--) target.reclaim()
        target.verify()
        expect(target.size).toBe(0)
      }),
      { numRuns: 4, endOnFailure: true },
    )
  })

  test('is stored up to nearly the whole budget, and refused above it', () => {
    const elements = Array.from({ length: 8000 }, (_, i) => Buffer.from(`element:${i}`))
    const value = restored(dumpOf(type, elements))
    const roomy = makeStore(2 ** 26)
    const bytes = roomy.bytesOf(value.store(roomy, KEY, 0, KEY.length, 0))
    const tight = makeStore(Math.ceil(1.1 * bytes))
    tight.put(OTHER, 0, OTHER.length, KEY, 0, KEY.length, ValueType.STRING, 0)
    const ref = value.store(tight, KEY, 0, KEY.length, 0)
    expect(ref).not.toBe(NULL_REF)
    expect(tight.usedBytes).toBeLessThanOrEqual(tight.maxBytes)
    verify(tight, ref)
    const small = makeStore(bytes)
    small.put(OTHER, 0, OTHER.length, KEY, 0, KEY.length, ValueType.STRING, 0)
    expect(value.store(small, KEY, 0, KEY.length, 0)).toBe(NULL_REF)
    expect(small.size).toBe(1)
  })

  test('continues like any other one', () => {
    const elements = Array.from({ length: 3000 }, (_, i) => Buffer.from(`element:${(i * 7919) % 3001}`))
    const store = makeStore(2 ** 24)
    const other = makeStore(2 ** 24)
    let [ref, slow] = [
      restored(dumpOf(type, elements)).store(store, KEY, 0, KEY.length, 0),
      built(other, type, elements),
    ]
    const change = (into: Store, at: Ref, i: number): Ref => {
      const bytes = Buffer.from(`element:${i}`)
      if (type === 'list') return into.lists.insert(at, (i * 31) % 3000, bytes, 0, bytes.length)
      if (type === 'set')
        return i % 2 === 0
          ? into.sets.remove(at, bytes, 0, bytes.length)
          : into.sets.add(at, bytes, 0, bytes.length)
      if (type !== 'zset')
        return i % 2 === 0
          ? into.hashes.remove(at, bytes, 0, bytes.length)
          : into.hashes.set(at, bytes, 0, bytes.length, bytes, 0, 3)
      const isFound = into.sortedSets.find(at, bytes, 0, bytes.length)
      if (i % 2 === 0) return isFound ? into.sortedSets.remove(at, bytes, 0, bytes.length) : at
      into.sortedSets.score[0] = i
      return isFound
        ? into.sortedSets.update(at, bytes, 0, bytes.length)
        : into.sortedSets.insert(at, bytes, 0, bytes.length)
    }
    for (let i = 0; i < 800; i++) {
      ref = change(store, ref, (i * 13) % 3500)
      slow = change(other, slow, (i * 13) % 3500)
    }
    verify(store, ref)
    expect(dumpValue(store, ref).equals(dumpValue(other, slow))).toBe(true)
  })
})

test('fields that have expired are not loaded', () => {
  const elements = Array.from({ length: 500 }, (_, i) => Buffer.from(`field:${i}`))
  for (const kept of [0, 5, 300]) {
    const writer = new RdbWriter()
    writer.beginTimedHash(elements.length, 1_600_000_000_000)
    for (const [i, field] of elements.entries()) {
      writer.fieldDeadline(i < kept ? NEVER : 1_600_000_000_000 + i)
      writer.element(field, 0, field.length)
      writer.element(field, 0, field.length)
    }
    const store = makeStore(2 ** 22)
    const value = restored(writer.finish())
    const ref = value.store(store, KEY, 0, KEY.length, 0)
    store.verify()
    expect(value.isSpent).toBe(kept === 0)
    if (ref === NULL_REF) expect(kept).toBe(0)
    else expect(store.hashes.length(ref)).toBe(kept)
  }
})

test('hashes are in their unsigned order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), (hashes) => {
      const order = [...orderOfHashes(Int32Array.from(hashes))]
      expect(order.toSorted((a, b) => a - b)).toEqual(hashes.map((_, i) => i))
      const sorted = order.map((i) => hashes[i] >>> 0)
      expect(sorted).toEqual(sorted.toSorted((a, b) => a - b))
    }),
  )
})

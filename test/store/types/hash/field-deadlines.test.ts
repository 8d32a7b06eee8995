// Fields of hashes that expire, against maps with deadlines: while time passes, and expired fields are removed in steps.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../../../src/bytes/clock.ts'
import { Hasher } from '../../../../src/bytes/hash.ts'
import { Instant } from '../../../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../../../src/store/arena.ts'
import { ValueType } from '../../../../src/store/record.ts'
import { Store } from '../../../../src/store/store.ts'
import type { DeadlineCondition } from '../../../../src/store/types/hash/deadline-condition.ts'

const KEY = Buffer.from('hash')
const NO_DEADLINE = Number.POSITIVE_INFINITY

interface Field {
  value: string
  deadline: number
}

class TimedTwin {
  readonly clock = new ManualClock(1_700_000_000_000)
  readonly instant = new Instant(this.clock)
  readonly store: Store
  readonly model = new Map<string, Field>()

  constructor(maxBytes: number) {
    this.store = new Store({ maxBytes, hasher: new Hasher({ low: 1, high: 2 }), instant: this.instant })
  }

  get ref(): Ref {
    return this.store.peek(KEY, 0, KEY.length)
  }

  set(name: string, value: string, keepsDeadline: boolean): void {
    const { store, model } = this
    const ref =
      this.ref === NULL_REF ? store.collections.create(ValueType.HASH, KEY, 0, KEY.length, 0) : this.ref
    const field = Buffer.from(name)
    const bytes = Buffer.from(value)
    const moved = store.hashes.set(ref, field, 0, field.length, bytes, 0, bytes.length, keepsDeadline)
    const old = model.get(name)
    expect(store.hashes.found).toBe(old !== undefined)
    model.set(name, { value, deadline: keepsDeadline && old !== undefined ? old.deadline : NO_DEADLINE })
    store.collections.finish(moved, model.size)
  }

  remove(name: string): void {
    const { store, model, ref } = this
    if (ref === NULL_REF) return
    const field = Buffer.from(name)
    const moved = store.hashes.remove(ref, field, 0, field.length)
    expect(store.hashes.found).toBe(model.delete(name))
    store.collections.finish(moved, model.size)
  }

  expire(name: string, deadline: number, condition: DeadlineCondition): void {
    const { store, model, ref } = this
    if (ref === NULL_REF) return
    const field = Buffer.from(name)
    store.hashes.deadline[0] = deadline
    const moved = store.hashes.expire(ref, field, 0, field.length, condition)
    expect(store.hashes.outcome).toBe(this.#expireModel(name, deadline, condition))
    store.collections.finish(moved, model.size)
  }

  #expireModel(name: string, deadline: number, condition: DeadlineCondition): number {
    const old = this.model.get(name)
    if (old === undefined) return -2
    const has = old.deadline !== NO_DEADLINE
    if (condition === 'nx' && has) return 0
    if (condition === 'xx' && !has) return 0
    if (condition === 'gt' && !(deadline > old.deadline)) return 0
    if (condition === 'lt' && !(deadline < old.deadline)) return 0
    if (deadline <= this.instant.now) {
      this.model.delete(name)
      return 2
    }
    old.deadline = deadline
    return 1
  }

  persist(name: string): void {
    const { store, model, ref } = this
    const old = model.get(name)
    if (ref === NULL_REF || old === undefined) return
    const field = Buffer.from(name)
    expect(store.hashes.persist(ref, field, 0, field.length)).toBe(old.deadline !== NO_DEADLINE)
    old.deadline = NO_DEADLINE
  }

  pass(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
    for (const [name, { deadline }] of this.model) if (deadline < this.instant.now) this.model.delete(name)
  }

  check(): void {
    const { store, model, ref } = this
    store.verify()
    expect(ref === NULL_REF).toBe(model.size === 0)
    if (ref === NULL_REF) return
    const { hashes } = store
    hashes.verify(ref)
    expect(hashes.length(ref)).toBe(model.size)
    const found = new Map<string, string>()
    for (let is = hashes.seek(ref, 0); is; is = hashes.next())
      found.set(hashes.field.copy().toString(), hashes.value.copy().toString())
    expect(found).toEqual(new Map(Array.from(model, ([name, { value }]) => [name, value])))
    const scanned: string[] = []
    for (let cursor = 0; ; ) {
      cursor = hashes.scan(ref, cursor, 5, () => scanned.push(hashes.field.copy().toString()))
      if (cursor === 0) break
    }
    expect(scanned).toEqual([...found.keys()])
    for (const rank of [0, model.size - 1, model.size >> 1]) {
      expect(hashes.seek(ref, rank)).toBe(true)
      expect(hashes.field.copy().toString()).toBe(scanned[rank])
    }
    expect(hashes.seek(ref, model.size)).toBe(false)
    for (const [name, { deadline }] of model) {
      const field = Buffer.from(name)
      expect(hashes.hasDeadline(ref, field, 0, field.length)).toBe(deadline !== NO_DEADLINE)
      if (deadline !== NO_DEADLINE) expect(hashes.deadline[0]).toBe(deadline)
    }
  }
}

const step = fc.record({
  first: fc.nat(120),
  prefix: fc.oneof({ weight: 5, arbitrary: fc.constant('f') }, fc.constant('long'.repeat(30))),
  value: fc.oneof({ weight: 5, arbitrary: fc.nat(99).map(String) }, fc.constant('v'.repeat(700))),
  how: fc.nat(11),
  ms: fc.integer({ min: -5, max: 60 }),
  condition: fc.constantFrom<DeadlineCondition>('nx', 'xx', 'gt', 'lt', undefined),
  times: fc.integer({ min: 1, max: 60 }),
})

test('fields expire as a map with deadlines says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const twin = new TimedTwin(2 ** 22)
      for (const { first, prefix, value, how, ms, condition, times } of steps) {
        for (let i = 0; i < times; i++) {
          const name = `${prefix}${first + i}`
          if (how < 4) twin.set(name, value, how === 0)
          else if (how < 6) twin.remove(name)
          else if (how < 9) twin.expire(name, twin.instant.now + ms + (i % 7), condition)
          else if (how === 9) twin.persist(name)
        }
        if (how === 10) twin.pass(Math.max(0, ms))
        if (how === 11) twin.store.sweep(64)
        twin.check()
      }
    }),
    { numRuns: 60 },
  )
})

test('a hash goes with its last field, in steps, and no byte is lost', () => {
  const twin = new TimedTwin(2 ** 24)
  const { store } = twin
  const empty = store.usedBytes
  for (let i = 0; i < 2000; i++) twin.set(`field ${i}`, 'value', false)
  for (let i = 0; i < 2000; i++) twin.expire(`field ${i}`, twin.instant.now + 10, undefined)
  expect(store.expiringHashes).toBe(1)
  twin.pass(10)
  twin.check()
  expect(twin.model.size).toBe(2000)
  twin.pass(1)
  let steps = 0
  for (; store.expiringHashes > 0; steps++) {
    expect(store.sweep(16)).toBeLessThanOrEqual(256)
    store.verify()
  }
  expect(steps).toBeGreaterThan(5)
  expect(store.size).toBe(0)
  // The rows of the regions stay.
  expect(store.usedBytes).toBeLessThanOrEqual(empty + 16 * 32)
})

test('a hash whose fields are all expired does not exist, even before they are removed', () => {
  const twin = new TimedTwin(2 ** 20)
  twin.set('field', 'value', false)
  twin.expire('field', twin.instant.now + 10, undefined)
  twin.pass(11)
  expect(twin.ref).toBe(NULL_REF)
  expect(twin.store.size).toBe(0)
  expect(twin.store.expired).toBe(1)
  expect(twin.store.expiringHashes).toBe(0)
})

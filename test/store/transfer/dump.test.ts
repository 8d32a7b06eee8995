// Dumps: a restored entry equals the dumped one, whatever the clocks show, and malformed dumps are rejected.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { EXPIRES, FRESHNESS, FreshnessWindows, LOADED, ValueType } from '../../../src/store/record.ts'
import { Store } from '../../../src/store/store.ts'
import { ageDump, dumpEntry, isUnchanged, restoreEntry } from '../../../src/store/transfer/dump.ts'

const key = Buffer.from('a key')

class Place {
  readonly clock: ManualClock
  readonly store: Store
  readonly #instant: Instant

  constructor(now: number, maxBytes = 1_000_000) {
    this.clock = new ManualClock(now)
    this.#instant = new Instant(this.clock)
    this.store = new Store({ maxBytes, hasher: new Hasher({ low: 1, high: 2 }), instant: this.#instant })
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.#instant.refresh()
  }

  find(): Ref {
    return this.store.peek(key, 0, key.length)
  }

  put(value: Buffer, life: bigint | undefined, loaded: readonly [age: number, ms: number] | undefined): Ref {
    const { store } = this
    const deadline = life === undefined ? 0n : BigInt(this.clock.now()) + life
    store.deadline[0] = Number(deadline)
    if (loaded !== undefined) {
      store.loadedAt[0] = this.clock.now() - loaded[0]
      store.loadMs = loaded[1]
    }
    const flags = (life === undefined ? 0 : EXPIRES) | (loaded === undefined ? 0 : LOADED)
    const ref = store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, flags)
    if (life !== undefined) store.records.setExactDeadline(ref, deadline)
    return ref
  }

  restore(dump: Buffer): boolean {
    return restoreEntry(this.store, key, 0, key.length, dump)
  }

  /** All fields of an entry, with times relative to now. */
  describe(): unknown {
    const ref = this.find()
    if (ref === NULL_REF) return undefined
    const { records } = this.store
    const deadline = records.exactDeadline(ref)
    const loaded = (records.flags(ref) & LOADED) !== 0
    return {
      type: records.type(ref),
      raw: records.isRaw(ref),
      value: this.store.copyValue(ref).toString('latin1'),
      life: deadline === 0n ? undefined : deadline - BigInt(this.clock.now()),
      loaded: loaded ? [this.clock.now() - records.loadedAt(ref), records.loadMs(ref)] : undefined,
    }
  }
}

const instants = fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 })
const life = fc.option(
  fc.oneof(
    fc.bigInt({ min: 0n, max: 10_000n }),
    fc.bigInt({ min: 0n, max: 2n ** 63n - 1n - 1_900_000_000_000n }),
  ),
  { nil: undefined },
)
const loaded = fc.option(fc.tuple(fc.integer({ min: -1000, max: 10 ** 10 }), fc.nat()), { nil: undefined })
const value = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

describe('a dump', () => {
  test('restores an equal entry, whatever the time of either clock', () => {
    const entry = fc.record({ value, life, loaded, raw: fc.boolean(), here: instants, there: instants })
    fc.assert(
      fc.property(entry, ({ value, life, loaded, raw, here, there }) => {
        const from = new Place(here)
        const to = new Place(there)
        const ref = from.put(value, life, loaded)
        if (raw) from.store.records.markRaw(ref)
        expect(to.restore(dumpEntry(from.store, ref))).toBe(true)
        expect(to.describe()).toEqual(from.describe())
        to.store.verify()
      }),
    )
  })

  test('of a negative entry restores a negative entry', () => {
    const from = new Place(1_700_000_000_000)
    const to = new Place(1_800_000_000_000)
    from.store.deadline[0] = from.clock.now() + 500
    from.store.loadedAt[0] = from.clock.now() - 20
    from.store.loadMs = 3
    const ref = from.store.put(key, 0, key.length, key, 0, 0, ValueType.ABSENT, EXPIRES | LOADED)
    expect(to.restore(dumpEntry(from.store, ref))).toBe(true)
    expect(to.describe()).toEqual(from.describe())
    expect(to.store.absent).toBe(1)
  })

  test('that expired during the transfer is accepted and not stored', () => {
    const place = new Place(1_700_000_000_000)
    const dump = dumpEntry(place.store, place.put(key, 5n, undefined))
    dump.writeBigInt64LE(-1n, 8)
    place.store.clear()
    expect(place.restore(dump)).toBe(true)
    expect(place.find()).toBe(NULL_REF)
  })

  test('too large for the budget is rejected', () => {
    const from = new Place(1_700_000_000_000)
    const to = new Place(1_700_000_000_000, 4096)
    expect(to.restore(dumpEntry(from.store, from.put(Buffer.alloc(5000), undefined, undefined)))).toBe(false)
    expect(to.store.size).toBe(0)
  })

  test('is rejected when it is truncated, too long, of another version or of an unknown type', () => {
    const from = new Place(1_700_000_000_000)
    const dump = dumpEntry(from.store, from.put(Buffer.from('value'), 100n, [5, 6]))
    const refused = (broken: Buffer) => {
      const to = new Place(1_700_000_000_000)
      const before = to.put(Buffer.from('before'), undefined, undefined)
      expect(to.restore(broken)).toBe(false)
      expect(to.find()).toBe(before)
      expect(to.store.copyValue(before).toString()).toBe('before')
    }
    for (let length = 0; length < dump.length; length++) refused(dump.subarray(0, length))
    refused(Buffer.concat([dump, Buffer.from('x')]))
    for (const [at, byte] of [
      [0, 0],
      [0, 2],
      [1, 0],
      [1, 2],
      [1, 6],
      [1, 7],
      [1, 8],
      [2, 8 | dump[2]],
      [3, 1],
    ]) {
      const broken = Buffer.from(dump)
      broken[at] = byte
      refused(broken)
    }
  })

  test('of random bytes never throws, and is either stored completely or changes nothing', () => {
    const header = fc
      .tuple(
        fc.constantFrom(0, 1, 1, 1, 2, 255),
        fc.nat(8),
        fc.nat(15),
        fc.constantFrom(0, 0, 0, 1),
        fc.uint8Array({ maxLength: 60 }),
        fc.boolean(),
      )
      .map(([version, type, flags, zero, rest, fitting]) => {
        const dump = Buffer.concat([Buffer.from([version, type, flags, zero, 0, 0, 0, 0]), rest])
        const times = ((flags & 1) === 0 ? 0 : 8) + ((flags & 2) === 0 ? 0 : 12)
        if (fitting) dump.writeUInt32LE(Math.max(0, rest.length - times), 4)
        return dump
      })
    fc.assert(
      fc.property(header, (dump) => {
        const place = new Place(1_700_000_000_000)
        const taken = place.restore(dump)
        if (!taken) expect(place.store.size + place.store.absent).toBe(0)
        place.store.verify()
      }),
      { numRuns: 500 },
    )
  })

  test('isUnchanged compares a record with its dump', () => {
    const place = new Place(1_700_000_000_000)
    const { store } = place
    const ref = place.put(Buffer.from('value'), 100n, undefined)
    const dump = dumpEntry(store, ref)
    const deadline = store.records.exactDeadline(ref)
    place.advance(50)
    expect(isUnchanged(store, place.find(), dump, deadline)).toBe(true)
    store.deadline[0] = place.clock.now() + 100
    store.expire(place.find())
    expect(isUnchanged(store, place.find(), dump, deadline)).toBe(false)
    expect(isUnchanged(store, place.put(Buffer.from('valuE'), 50n, undefined), dump, deadline)).toBe(false)
    expect(isUnchanged(store, place.put(Buffer.from('value'), 50n, undefined), dump, deadline)).toBe(true)
  })
})

test('a stale entry is restored with its windows and its validator, unless its retention is over', () => {
  const [from, to] = [new Place(1_700_000_000_000), new Place(1_800_000_000_000)]
  const windows = { refreshAhead: 5, staleWhileRevalidate: 100, staleIfError: 300, retention: 400 }
  Object.assign(from.store.windows, windows)
  from.store.newValidator = Buffer.from('"7"')
  from.store.deadline[0] = from.clock.now() + 50
  from.store.loadedAt[0] = from.clock.now()
  const value = Buffer.from('630')
  const flags = EXPIRES | LOADED | FRESHNESS
  from.store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, flags)
  from.advance(250)
  const dump = dumpEntry(from.store, from.find())
  expect(to.restore(dump)).toBe(true)
  expect(to.describe()).toEqual({ ...(from.describe() as object), life: -200n })
  const { records } = to.store
  const found = new FreshnessWindows()
  records.readWindows(to.find(), found)
  expect({ ...found }).toEqual(windows)
  expect(records.validator(to.find()).toString()).toBe('"7"')
  to.store.verify()
  for (let length = 0; length < dump.length; length++)
    expect(to.restore(dump.subarray(0, length))).toBe(false)
  to.advance(201)
  expect(to.find()).toBe(NULL_REF)
  from.advance(200)
  const last = dumpEntry(from.store, from.find())
  ageDump(last, 1)
  expect([to.restore(last), to.find()]).toEqual([true, NULL_REF])
})

// Every layout of a record: each field is read as it was written, and no write changes another field.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena, type Ref } from '../../src/store/arena.ts'
import {
  EVICTION_WORDS,
  EXPIRES,
  FRESHNESS,
  FreshnessWindows,
  LOADED,
  Records,
  recordBytes,
  unitsFor,
  ValueType,
} from '../../src/store/record.ts'

const SEGMENT_BYTES = 64 * 1024
const VALIDATOR = Buffer.from('"etag 7"')
const WINDOWS = Object.assign(new FreshnessWindows(), {
  refreshAhead: 5,
  staleWhileRevalidate: 100,
  staleIfError: 300,
  retention: 400,
})

function setUp(): { arena: Arena; records: Records } {
  const arena = new Arena(SEGMENT_BYTES)
  return { arena, records: new Records(arena) }
}

/** Writes a record as the store does, in a block with `spare` extra units. */
function make(
  { arena, records }: { arena: Arena; records: Records },
  key: Uint8Array,
  value: Uint8Array,
  flags: number,
  spare = 0,
  type: ValueType = ValueType.STRING,
): Ref {
  const validatorLength = (flags & FRESHNESS) === 0 ? 0 : VALIDATOR.length
  const ref = arena.alloc(unitsFor(recordBytes(key.length, value.length, flags, validatorLength)) + spare)
  records.format(ref, type, flags, key.length, value.length, 12, validatorLength)
  records.bytes.set(key, records.valueStart - key.length)
  records.bytes.set(value, records.valueStart)
  return ref
}

function keyOf(arena: Arena, records: Records, ref: Ref): Buffer {
  records.locateKey(ref)
  expect(records.bytes).toBe(arena.bytes[ref >>> arena.shift])
  return Buffer.from(records.bytes.subarray(records.keyFrom, records.keyTo))
}

function valueOfRecord(records: Records, ref: Ref): Buffer {
  records.locate(ref)
  return Buffer.from(records.bytes.subarray(records.valueStart, records.valueEnd))
}

const layouts = [0, EXPIRES, LOADED, EXPIRES | LOADED, EXPIRES | LOADED | FRESHNESS].flatMap((flags) =>
  [0, 1, 16, 255, 256, 1000].flatMap((keyLength) =>
    [0, 1, 2, 5].map((spare) => [flags, keyLength, spare] as const),
  ),
)

/** By time relative to the deadline: whether a record needs a refresh check, is stale, is expired. */
const MOMENTS: readonly (readonly [ms: number, isDue: boolean, isStale: boolean, isExpired: boolean])[] = [
  [-5, false, false, false],
  [-4, true, false, false],
  [0, true, false, false],
  [1, true, true, false],
  [400, true, true, false],
  [401, true, true, true],
]

describe.each(layouts)('flags %i, a key of %i bytes, %i units to spare', (flags, keyLength, spare) => {
  test('all fields', () => {
    const parts = setUp()
    const { arena, records } = parts
    const key = Buffer.alloc(keyLength, 'key:')
    const value = Buffer.from('the value')
    // The neighbours on both sides detect writes outside the record.
    const before = make(parts, Buffer.from('before'), Buffer.alloc(50, 1), EXPIRES)
    const ref = make(parts, key, value, flags, spare)
    const after = make(parts, Buffer.from('after'), Buffer.alloc(50, 2), LOADED)
    const cell = new Float64Array([1_704_067_200_123])
    records.setWord(ref, EVICTION_WORDS, 77)
    records.setWord(ref, EVICTION_WORDS + 1, -5)
    records.setAccessSecond(ref, 987_654)
    if (flags & EXPIRES) records.setDeadline(ref, cell)
    if (flags & LOADED) records.setLoaded(ref, new Float64Array([1_700_000_000_456]), 321)
    if (flags & FRESHNESS) {
      records.setWindows(ref, WINDOWS)
      records.setValidator(ref, VALIDATOR)
    }
    const check = (): void => {
      const windows = new FreshnessWindows()
      records.readWindows(ref, windows)
      expect(windows).toEqual(flags & FRESHNESS ? WINDOWS : new FreshnessWindows())
      expect(records.validator(ref).toString()).toBe(flags & FRESHNESS ? '"etag 7"' : '')
      for (const [ms, ...states] of MOMENTS) {
        const now = new Float64Array([cell[0] + ms])
        const found = [records.needsRefresh(ref, now), records.isStale(ref, now), records.isExpired(ref, now)]
        expect(found).toEqual(flags & FRESHNESS ? states : [false, false, (flags & EXPIRES) !== 0 && ms > 0])
      }
      expect(keyOf(arena, records, ref)).toEqual(key)
      expect(records.hasKey(ref, Buffer.concat([Buffer.from('x'), key]), 1, keyLength + 1)).toBe(true)
      expect(records.keyLength(ref)).toBe(keyLength)
      expect(records.flags(ref)).toBe(flags & ~FRESHNESS)
      expect(records.type(ref)).toBe(ValueType.STRING)
      expect(records.deadline(ref)).toBe(flags & EXPIRES ? cell[0] : 0)
      expect(records.loadedAt(ref)).toBe(flags & LOADED ? 1_700_000_000_456 : 0)
      expect(records.loadMs(ref)).toBe(flags & LOADED ? 321 : 0)
      expect([
        records.word(ref, EVICTION_WORDS),
        records.word(ref, EVICTION_WORDS + 1),
        records.idleSeconds(ref, 987_660),
      ]).toEqual([77, -5, 6])
    }
    check()
    expect(valueOfRecord(records, ref)).toEqual(value)
    expect(records.isRaw(ref)).toBe(false)
    records.markRaw(ref)
    check()
    expect(records.isRaw(ref)).toBe(true)
    if (flags & FRESHNESS) return
    // Rejected when the slack would exceed its field.
    const shortened = records.setValueLength(ref, 3)
    check()
    expect(valueOfRecord(records, ref).toString()).toBe(shortened ? 'the' : 'the value')
    expect(valueOfRecord(records, before)).toEqual(Buffer.alloc(50, 1))
    expect(valueOfRecord(records, after)).toEqual(Buffer.alloc(50, 2))
    expect(keyOf(arena, records, after).toString()).toBe('after')
  })
})

test('hasKey distinguishes keys that differ in any byte or in length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (key, at, change) => {
        const parts = setUp()
        const ref = make(parts, key, Buffer.alloc(9, 0xff), 0)
        const { records } = parts
        expect(records.hasKey(ref, key, 0, key.length)).toBe(true)
        expect(records.hasKey(ref, Buffer.concat([key, Buffer.from([0xff])]), 0, key.length + 1)).toBe(false)
        if (key.length === 0) return
        expect(records.hasKey(ref, key, 0, key.length - 1)).toBe(false)
        const other = Buffer.from(key)
        other[at % key.length] ^= change
        expect(records.hasKey(ref, other, 0, key.length)).toBe(false)
      },
    ),
  )
})

test('records at negative references', () => {
  const parts = setUp()
  const { arena, records } = parts
  arena.words.length = 2 ** 32 / arena.segmentUnits / 2
  const refs = Array.from({ length: 3000 }, (_, i) =>
    make(parts, Buffer.from(`key${i}`), Buffer.alloc(i % 40, i), i % 2 === 0 ? EXPIRES | LOADED : 0),
  )
  for (const [i, ref] of refs.entries()) {
    expect(ref).toBeLessThan(0)
    if (i % 2 === 0) records.setDeadline(ref, new Float64Array([1e12 + i]))
    expect(records.hasKey(ref, Buffer.from(`key${i}`), 0, `key${i}`.length)).toBe(true)
    expect(valueOfRecord(records, ref)).toEqual(Buffer.alloc(i % 40, i))
    expect(records.deadline(ref)).toBe(i % 2 === 0 ? 1e12 + i : 0)
  }
})

test('a moved record takes only the units it needs', () => {
  for (const spare of [0, 1, 3]) {
    const parts = setUp()
    const { arena, records } = parts
    const refs = Array.from({ length: 9000 }, (_, i) => {
      const ref = make(
        parts,
        Buffer.from(`key${i}`),
        Buffer.alloc(i % 23, i),
        i % 2 === 0 ? EXPIRES : 0,
        spare,
      )
      if (i % 2 === 0) records.setDeadline(ref, new Float64Array([i * 1e9]))
      return ref
    })
    for (let i = 0; i < refs.length; i++) if (i % 3 === 0) arena.free(refs[i])
    expect(arena.beginEvacuation()).toBe(true)
    for (let from = arena.nextToMove(); from !== 0; from = arena.nextToMove()) {
      const needed = records.neededUnits(from)
      expect(needed).toBeLessThanOrEqual(arena.units(from))
      const to = arena.alloc(needed)
      const i = refs.indexOf(from)
      records.move(from, to, needed)
      refs[i] = to
    }
    for (let i = 0; i < refs.length; i++) {
      if (i % 3 === 0) continue
      expect(keyOf(arena, records, refs[i]).toString()).toBe(`key${i}`)
      expect(valueOfRecord(records, refs[i])).toEqual(Buffer.alloc(i % 23, i))
      expect(records.deadline(refs[i])).toBe(i % 2 === 0 ? i * 1e9 : 0)
    }
  }
})

describe('refit', () => {
  test('accepts values that fit the block and the layout, and changes nothing for others', () => {
    const parts = setUp()
    const { records } = parts
    const key = Buffer.from('sixteen byte key')
    const ref = make(parts, key, Buffer.alloc(32, 'v'), 0)
    const refit = (type: ValueType, flags: number, length: number): boolean =>
      records.refit(ref, type, flags, key.length, length, 5)
    expect(refit(ValueType.STRING, 0, 33)).toBe(false)
    expect(refit(ValueType.STRING, 0, 16)).toBe(false)
    expect(refit(ValueType.STRING, EXPIRES, 20)).toBe(false)
    expect(refit(ValueType.ABSENT, 0, 20)).toBe(false)
    expect(valueOfRecord(records, ref)).toEqual(Buffer.alloc(32, 'v'))
    expect(refit(ValueType.STRING, 0, 17)).toBe(true)
    expect(valueOfRecord(records, ref)).toEqual(Buffer.alloc(17, 'v'))
    expect(refit(ValueType.STRING, 0, 32)).toBe(true)
    expect(records.idleSeconds(ref, 5)).toBe(0)
    expect(records.idleSeconds(ref, 9)).toBe(4)
    records.markRaw(ref)
    expect(refit(ValueType.STRING, 0, 30)).toBe(false)
  })
})

describe('deadlines of 64 bits', () => {
  test.each([1n, 2n ** 32n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n])('%s', (deadline) => {
    const parts = setUp()
    const { records } = parts
    const ref = make(parts, Buffer.from('k'), Buffer.from('v'), EXPIRES)
    records.setDeadline(ref, new Float64Array([Number(deadline)]))
    records.setExactDeadline(ref, deadline)
    expect(records.exactDeadline(ref)).toBe(deadline)
    expect(records.isExpired(ref, new Float64Array([0]))).toBe(false)
  })

  test('a double of 2^63 becomes the largest int64', () => {
    const parts = setUp()
    const { records } = parts
    const ref = make(parts, Buffer.from('k'), Buffer.from('v'), EXPIRES)
    records.setDeadline(ref, new Float64Array([2 ** 63]))
    expect(records.exactDeadline(ref)).toBe(2n ** 63n - 1n)
  })
})

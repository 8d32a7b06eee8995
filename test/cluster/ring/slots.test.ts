import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SLOT_COUNT } from '../../../src/bytes/crc16.ts'
import { assignSlots, epochOf, slotRanges, type Weighted } from '../../../src/cluster/ring/slots.ts'

function membersNamed(count: number, weights: readonly number[] = [1], salt = 0): Weighted[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `10.${salt}.${i >> 8}.${i & 255}:7000`,
    weight: weights[i % weights.length],
  }))
}

const members = (maxLength: number) =>
  fc.uniqueArray(
    fc.record({ name: fc.string({ maxLength: 12 }), weight: fc.constantFrom(0.5, 1, 1, 2, 4) }),
    {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength,
    },
  )

function digestOf(owners: Uint16Array): string {
  const bytes = Buffer.alloc(2 * SLOT_COUNT)
  for (const [slot, owner] of owners.entries()) bytes.writeUInt16LE(owner, 2 * slot)
  return createHash('sha1').update(bytes).digest('hex')
}

function loadsOf(owners: Uint16Array, count: number): Int32Array {
  const loads = new Int32Array(count)
  for (const owner of owners) loads[owner]++
  return loads
}

function sharesOf(list: readonly Weighted[]): number[] {
  const weights = list.reduce((sum, { weight }) => sum + weight, 0)
  return list.map(({ weight }) => (SLOT_COUNT * weight) / weights)
}

function expectBounded(list: readonly Weighted[], owners = assignSlots(list)): void {
  const shares = sharesOf(list)
  const beyond = [...loadsOf(owners, list.length)].filter((load, i) => load > Math.ceil(1.05 * shares[i]))
  expect(beyond).toEqual([])
}

/** How many slots change their owner when the member at `removed` leaves. */
function moved(list: readonly Weighted[], removed: number, owners = assignSlots(list)): number {
  const rest = list.toSpliced(removed, 1)
  let count = 0
  for (const [slot, owner] of assignSlots(rest).entries()) {
    if (rest[owner] !== list[owners[slot]]) count++
  }
  return count
}

describe('the table', () => {
  // If these changed, two versions in one cluster would disagree about owners.
  test.each([
    [membersNamed(1), '5188431849b4'],
    [membersNamed(3), 'f4489459dbe5'],
    [membersNamed(7, [1, 1, 2, 4]), '33990a01bd21'],
    [membersNamed(200), '75216355b577'],
  ])('is the same in every version (%#)', (list, digest) => {
    expect(digestOf(assignSlots(list)).slice(0, 12)).toBe(digest)
  })

  test('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(
        members(20).chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, shuffled]) => {
          const shuffledIndex = list.map((member) => shuffled.indexOf(member))
          const owners = assignSlots(list).map((owner) => shuffledIndex[owner])
          expect(digestOf(assignSlots(shuffled))).toBe(digestOf(owners))
          expect(epochOf(shuffled)).toBe(epochOf(list))
        },
      ),
      { numRuns: 8 },
    )
  })

  test('does not depend on the order of members whose names have unusual characters', () => {
    const list = ['', '\0', 'é:1', 'e\u0301:1', '😀:1', '\uffff:1', 'a\nb,"]:1', '[::1]:7000'].map(
      (name) => ({
        name,
        weight: 1,
      }),
    )
    const owners = assignSlots(list)
    const reversed = list.toReversed()
    expect(assignSlots(reversed).map((owner) => list.length - 1 - owner)).toEqual(owners)
    expect(epochOf(reversed)).toBe(epochOf(list))
    expectBounded(list, owners)
  })

  test('depends only on the ratios of the weights', () => {
    expect(digestOf(assignSlots(membersNamed(9, [2, 4, 8])))).toBe(
      digestOf(assignSlots(membersNamed(9, [1, 2, 4]))),
    )
  })

  test.each([
    ['no members', []],
    ['a duplicate name', [...membersNamed(2), ...membersNamed(1)]],
    ['no weight', [{ name: 'a', weight: 0 }]],
    ['a negative weight', [{ name: 'a', weight: -1 }]],
    ['an infinite weight', [{ name: 'a', weight: Infinity }]],
    ['a weight of NaN', [{ name: 'a', weight: Number.NaN }]],
    ['more than 65,535 members', membersNamed(65_536)],
  ])('refuses %s', (_what, list) => {
    expect(() => assignSlots(list)).toThrow(RangeError)
  })
})

describe('no member owns more than 1.05 × its share', () => {
  test.each([1, 2, 3, 5, 10, 50, 100, 200, 1000])('of %d members', (count) => {
    expectBounded(membersNamed(count))
    expectBounded(membersNamed(count, [1, 1, 2, 4]))
  })

  test('for random names and weights', () => {
    fc.assert(
      fc.property(members(30), (list) => expectBounded(list)),
      { numRuns: 15 },
    )
  })

  test('with weights of different orders of magnitude', () => {
    expectBounded(membersNamed(20, [0.001, 1, 1000]))
  })
})

describe('what a join or leave moves', () => {
  // With more members each has too few slots for a factor of 1.25 (see slots.ts): then the bound is a measured one.
  test.each([
    [2, [1], 1.25],
    [3, [1], 1.25],
    [6, [1, 1, 2, 4], 1.25],
    [20, [1], 1.25],
    [20, [1, 1, 2, 4], 1.25],
    [50, [1], 1.25],
    [80, [1], 1.25],
    [200, [1], 1.9],
  ])('%d members of weights %j: at most %d times the ideal', (count, weights, bound) => {
    for (let salt = 0; salt < 2; salt++) {
      const list = membersNamed(count, weights, salt)
      const owners = assignSlots(list)
      const loads = loadsOf(owners, count)
      const removed = (salt * 7919) % count
      const slots = moved(list, removed, owners)
      expect(slots).toBeLessThanOrEqual(bound * loads[removed])
      expect(slots).toBeLessThanOrEqual(bound * sharesOf(list)[removed])
    }
  })

  test('every join from 1 to 100 members, and the loads after it', () => {
    let list: Weighted[] = []
    let owners: Uint16Array = new Uint16Array()
    for (const member of membersNamed(100, [1], 3)) {
      const before = owners
      list = [...list, member]
      owners = assignSlots(list)
      expectBounded(list, owners)
      if (list.length === 1) continue
      // The new member has the last index, so the others keep theirs.
      const slots = owners.reduce((sum, owner, slot) => sum + (owner === before[slot] ? 0 : 1), 0)
      const bound = list.length <= 70 ? 1.25 : 1.3
      expect(slots).toBeLessThanOrEqual(bound * (SLOT_COUNT / list.length))
    }
  })

  test('stays within the bounds through a sequence of joins and leaves', () => {
    fc.assert(
      fc.property(members(10), fc.array(fc.nat(), { maxLength: 8 }), (first, picks) => {
        let list: Weighted[] = first
        for (const [i, pick] of picks.entries()) {
          if (pick % 2 === 0 || list.length === 1) {
            list = [...list, { name: `joiner number ${i}`, weight: 1 + (pick % 3) }]
            expect(moved(list, list.length - 1)).toBeLessThanOrEqual(1.25 * sharesOf(list)[list.length - 1])
          } else {
            const removed = pick % list.length
            expect(moved(list, removed)).toBeLessThanOrEqual(
              1.25 * loadsOf(assignSlots(list), list.length)[removed],
            )
            list = list.toSpliced(removed, 1)
          }
          expectBounded(list)
        }
      }),
      { numRuns: 5 },
    )
  })
})

describe('ranges of slots', () => {
  // A reply of CLUSTER SLOTS has about 100 bytes a range.
  test.each([
    [2, 340],
    [3, 580],
    [10, 2100],
  ])('%d members have at most %d', (count, most) => {
    for (let salt = 0; salt < 5; salt++) {
      const owners = assignSlots(membersNamed(count, [1], salt))
      const ranges = owners.reduce((sum, owner, slot) => sum + (owner === owners[slot - 1] ? 0 : 1), 0)
      expect(ranges).toBeLessThanOrEqual(most)
    }
  })

  test('are inclusive, ascending and as long as possible', () => {
    const owners = Uint16Array.from([1, 1, 0, 1, 0, 0])
    expect(slotRanges(owners, 0)).toEqual([
      [2, 2],
      [4, 5],
    ])
    expect(slotRanges(owners, 1)).toEqual([
      [0, 1],
      [3, 3],
    ])
    expect(slotRanges(owners, 2)).toEqual([])
  })

  test('cover all slots of the member', () => {
    const owners = assignSlots(membersNamed(5))
    const rebuilt = new Uint16Array(SLOT_COUNT).fill(9)
    for (let member = 0; member < 5; member++) {
      for (const [start, end] of slotRanges(owners, member)) rebuilt.fill(member, start, end + 1)
    }
    expect(digestOf(rebuilt)).toBe(digestOf(owners))
  })
})

test('different sets of names and weights have different epochs', () => {
  const lists = [
    [],
    membersNamed(1),
    membersNamed(2),
    membersNamed(1, [2]),
    [{ name: 'a,b', weight: 1 }],
    [{ name: '["a",1],["b"', weight: 1 }],
  ]
  const epochs = lists.map(epochOf)
  expect(new Set(epochs).size).toBe(lists.length)
  expect(epochs.every((epoch) => Number.isSafeInteger(epoch) && epoch >= 0)).toBe(true)
  expect(epochOf(membersNamed(3))).toBe(3_534_564_128_939_412)
})

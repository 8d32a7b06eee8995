import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HashRing } from '../../../src/cluster/ring/hash-ring.ts'

const KEYS = Array.from({ length: 500 }, (_, i) => `key:${i}`)

const members = fc.uniqueArray(
  fc.record({ name: fc.string({ maxLength: 8 }), weight: fc.constantFrom(0.5, 1, 2, 4) }),
  { selector: ({ name }) => name, minLength: 1, maxLength: 12 },
)

function ringOf(list: readonly { name: string; weight: number }[], virtualNodes = 20): HashRing {
  const ring = new HashRing({ virtualNodes })
  for (const { name, weight } of list) ring.add(name, weight)
  return ring
}

const ownersIn = (ring: HashRing) => KEYS.map((key) => ring.get(key))

describe('owners', () => {
  test('are the same in every version', () => {
    const ring = new HashRing()
    for (const name of ['10.0.0.1:7000', '10.0.0.2:7000', '10.0.0.3:7000']) ring.add(name)
    const last = KEYS.slice(0, 16).map((key) => ring.get(key)?.[7])
    expect(last.join('')).toBe('1133221312231311')
  })

  test('do not depend on the order of additions', () => {
    fc.assert(
      fc.property(
        members.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, shuffled]) => {
          expect(ownersIn(ringOf(shuffled))).toEqual(ownersIn(ringOf(list)))
        },
      ),
      { numRuns: 30 },
    )
  })

  test('change only for the keys of a removed member, and return with it', () => {
    fc.assert(
      fc.property(members, fc.nat(), (list, pick) => {
        const { name, weight } = list[pick % list.length]
        const ring = ringOf(list)
        const before = ownersIn(ring)
        expect(ring.remove(name)).toBe(true)
        const after = ownersIn(ring)
        for (const [i, owner] of before.entries()) {
          if (owner === name) expect(after[i]).not.toBe(name)
          else expect(after[i]).toBe(owner)
        }
        ring.add(name, weight)
        expect(ownersIn(ring)).toEqual(before)
      }),
      { numRuns: 30 },
    )
  })

  test('get keys in proportion to their weights', () => {
    const ring = ringOf(
      [
        { name: 'a', weight: 1 },
        { name: 'b', weight: 3 },
      ],
      2000,
    )
    const shares = Array.from({ length: 20_000 }, (_, i) => ring.get(`${i}`)).filter((owner) => owner === 'b')
    expect(shares.length / 20_000).toBeCloseTo(0.75, 1)
  })

  test('are the same for text and for its bytes', () => {
    const ring = ringOf([
      { name: 'a', weight: 1 },
      { name: 'b', weight: 1 },
    ])
    for (const key of ['', 'Tom', 'é', '\u{1f600}']) expect(ring.get(Buffer.from(key))).toBe(ring.get(key))
  })
})

test('an empty ring has no owner', () => {
  const ring = new HashRing()
  expect(ring.get('Tom')).toBeUndefined()
  expect(ring.getMany('Tom', 3)).toEqual([])
  ring.add('a')
  expect(ring.remove('a')).toBe(true)
  expect(ring.remove('a')).toBe(false)
  expect(ring.get('Tom')).toBeUndefined()
})

test('getMany: distinct members, the owner first, then those that own the key after its removal', () => {
  fc.assert(
    fc.property(members, fc.nat({ max: 15 }), fc.string(), (list, n, key) => {
      const ring = ringOf(list)
      const many = ring.getMany(key, n)
      expect(many).toHaveLength(Math.min(n, list.length))
      expect(new Set(many).size).toBe(many.length)
      for (const name of many) {
        expect(ring.get(key)).toBe(name)
        ring.remove(name)
      }
    }),
    { numRuns: 50 },
  )
})

test('a custom hash; of members at the same point the first by name wins', () => {
  const ring = new HashRing({ virtualNodes: 3, hash: () => -1 })
  for (const name of ['c', 'a', 'b']) ring.add(name)
  expect(ring.getMany('Tom', 3)).toEqual(['a', 'b', 'c'])
})

test('size, members and has', () => {
  const ring = ringOf([
    { name: 'b', weight: 1 },
    { name: 'a', weight: 0.001 },
  ])
  expect([ring.size, ring.members, ring.has('a'), ring.has('c')]).toEqual([2, ['a', 'b'], true, false])
})

test.each([0, -1, 1.5, Number.NaN, Infinity])('%d virtual nodes are refused', (virtualNodes) => {
  expect(() => new HashRing({ virtualNodes })).toThrow(RangeError)
})

test.each([0, -1, Number.NaN, Infinity, 1e6])('a weight of %d is refused', (weight) => {
  const ring = new HashRing()
  expect(() => ring.add('a', weight)).toThrow(RangeError)
  expect(ring.size).toBe(0)
})

test('duplicate names and invalid counts are refused', () => {
  const ring = ringOf([{ name: 'a', weight: 1 }])
  expect(() => ring.add('a')).toThrow(RangeError)
  expect(() => ring.getMany('Tom', -1)).toThrow(RangeError)
  expect(() => ring.getMany('Tom', 0.5)).toThrow(RangeError)
})

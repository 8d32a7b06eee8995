// The keyed hash against an independent implementation of its definition.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Hasher, type HashSeed, hashBytes, randomSeed } from '../../src/bytes/hash.ts'

const WORD = 0xffff_ffffn

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (32n - by))) & WORD
}

/**
 * HalfSipHash-c-d with a tag of 32 bits, from the description of SipHash (Aumasson, Bernstein, 2012) with the
 * constants of its half-width variant: initialise, compress each word, finalise.
 */
function halfSipHash(c: number, d: number, key: HashSeed, message: Uint8Array): number {
  const k0 = BigInt(key.low >>> 0)
  const k1 = BigInt(key.high >>> 0)
  const v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1]
  const round = (): void => {
    v[0] = (v[0] + v[1]) & WORD
    v[2] = (v[2] + v[3]) & WORD
    v[1] = rotate(v[1], 5n) ^ v[0]
    v[3] = rotate(v[3], 8n) ^ v[2]
    v[0] = rotate(v[0], 16n)
    v[2] = (v[2] + v[1]) & WORD
    v[0] = (v[0] + v[3]) & WORD
    v[1] = rotate(v[1], 13n) ^ v[2]
    v[3] = rotate(v[3], 7n) ^ v[0]
    v[2] = rotate(v[2], 16n)
  }
  const padded = [...message]
  while (padded.length % 4 !== 3) padded.push(0)
  padded.push(message.length % 256)
  for (let i = 0; i < padded.length; i += 4) {
    const word = padded
      .slice(i, i + 4)
      .reduce((sum, byte, place) => sum + BigInt(byte) * 256n ** BigInt(place), 0n)
    v[3] ^= word
    for (let n = 0; n < c; n++) round()
    v[0] ^= word
  }
  v[2] ^= 0xffn
  for (let n = 0; n < d; n++) round()
  return Number(BigInt.asIntN(32, v[1] ^ v[3]))
}

const countingKey = { low: 0x03020100, high: 0x07060504 }
const counting = Uint8Array.from({ length: 300 }, (_, i) => i % 251)

/** The tags that the authors of HalfSipHash-2-4 publish: key 00 … 07, messages of 0, 1, 2 … bytes 00, 01, 02 …. */
const published = [
  'a9359f5b',
  '27475ab8',
  'fa62a603',
  '8afee704',
  '2a6e4689',
  'c5fab669',
  '5863fc23',
  '8bcf63c5',
  'd0b8848f',
  'f806e779',
  '94b07934',
  '08083050',
]

test('the definition used here gives the published tags of HalfSipHash-2-4', () => {
  const tags = published.map((_, length) => {
    const tag = Buffer.alloc(4)
    tag.writeInt32LE(halfSipHash(2, 4, countingKey, counting.subarray(0, length)))
    return tag.toString('hex')
  })
  expect(tags).toEqual(published)
})

describe('hashBytes is HalfSipHash-1-3', () => {
  test('for every length up to 300', () => {
    for (let length = 0; length <= counting.length; length++) {
      const expected = halfSipHash(1, 3, countingKey, counting.subarray(0, length))
      expect(hashBytes(counting, 0, length, countingKey.low, countingKey.high)).toBe(expected)
    }
  })

  test('for any bytes, anywhere in a buffer, under any key', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 9 }),
        fc.integer(),
        fc.integer(),
        (message, before, low, high) => {
          const buffer = Buffer.concat([before, message, Buffer.from([0xff, 0xff, 0xff, 0xff])])
          const hash = hashBytes(buffer, before.length, before.length + message.length, low, high)
          expect(hash).toBe(halfSipHash(1, 3, { low, high }, message))
        },
      ),
    )
  })
})

describe('spread', () => {
  /** The chi-squared statistic of counts that should be equal, by its degrees of freedom: about 1. */
  function unevenness(counts: Int32Array, total: number): number {
    const expected = total / counts.length
    let sum = 0
    for (const count of counts) sum += (count - expected) ** 2 / expected
    return sum / (counts.length - 1)
  }

  test.each([
    ['counted keys', (i: number) => `user:${i}`],
    [
      'keys that differ in one byte of many',
      (i: number) => `${'x'.repeat(40)}${String.fromCharCode(i & 255, i >> 8)}`,
    ],
    ['short keys', (i: number) => i.toString(36)],
  ])('%s fill the top and the bottom of the range evenly', (_name, keyOf) => {
    const { low, high } = { low: 0x1337, high: 0x7331 }
    const total = 60_000
    const top = new Int32Array(1024)
    const bottom = new Int32Array(1024)
    const seen = new Set<number>()
    for (let i = 0; i < total; i++) {
      const key = Buffer.from(keyOf(i), 'latin1')
      const hash = hashBytes(key, 0, key.length, low, high)
      top[hash >>> 22]++
      bottom[hash & 1023]++
      seen.add(hash)
    }
    // The statistic has a standard deviation of √(2/1023) = 0.044.
    for (const counts of [top, bottom]) {
      expect(unevenness(counts, total)).toBeGreaterThan(0.8)
      expect(unevenness(counts, total)).toBeLessThan(1.2)
    }
    // Of 60,000 random 32-bit numbers, 0.42 pairs are equal on average.
    expect(total - seen.size).toBeLessThan(8)
  })

  test('a key hashes differently under another seed', () => {
    const key = Buffer.from('Tom')
    const hashes = Array.from({ length: 100 }, () => {
      const { low, high } = randomSeed()
      return hashBytes(key, 0, 3, low, high)
    })
    expect(new Set(hashes).size).toBe(100)
    expect(hashBytes(key, 0, 3, 1, 0)).not.toBe(hashBytes(key, 0, 3, 0, 1))
  })
})

describe('Hasher', () => {
  test('returns the primed hash for exactly that range, until forget', () => {
    const hasher = new Hasher(countingKey)
    const bytes = Buffer.from('some bytes')
    const same = Buffer.from('some bytes')
    const own = hashBytes(bytes, 0, 4, countingKey.low, countingKey.high)
    const told = (own ^ 1) as typeof own
    expect(hasher.hash(bytes, 0, 4)).toBe(own)
    hasher.prime(bytes, 0, 4, told)
    expect(hasher.hash(bytes, 0, 4)).toBe(told)
    expect(hasher.hash(same, 0, 4)).toBe(own)
    expect(hasher.hash(bytes, 0, 5)).not.toBe(told)
    expect(hasher.hash(bytes, 1, 4)).not.toBe(told)
    hasher.forget()
    expect(hasher.hash(bytes, 0, 4)).toBe(own)
  })
})

// Scores of packed sorted sets.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  readScore,
  scoreBytes,
  scoreLength,
  writeScore,
} from '../../../../src/store/types/sorted-set/scores.ts'

const bytes = Buffer.alloc(16, 0xee)
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

function expectSame(score: number): void {
  const size = scoreBytes(score)
  bytes.fill(0xee)
  writeScore(bytes, view, 3, score)
  expect(scoreLength(bytes[3])).toBe(size)
  expect(bytes[2]).toBe(0xee)
  expect(bytes[3 + size]).toBe(0xee)
  expect(Object.is(readScore(bytes, view, 3), score), String(score)).toBe(true)
}

test('every score is read as it was written', () => {
  for (let power = 0; power < 64; power++)
    for (const difference of [-1, 0, 1])
      for (const sign of [-1, 1])
        for (const divisor of [1, 2, 4, 10, 100, 1000])
          expectSame((sign * (2 ** power + difference)) / divisor)
  for (const score of [0, -0, 0.5, 0.01, -0.01, 0.07, 1.1, 19.99, 5e-324, 1e300, Infinity, -Infinity])
    expectSame(score)
  fc.assert(fc.property(fc.double({ noNaN: true }), expectSame))
  fc.assert(fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), (n) => expectSame(n / 100)))
})

test('common scores are short', () => {
  const sizes = [0, 127, 128, 16_383, 16_384, -1, 0.5, 19.99, 1_700_000_000, 1_700_000_000_000].map(
    scoreBytes,
  )
  expect(sizes).toEqual([1, 1, 2, 2, 3, 2, 2, 3, 5, 7])
  expect(scoreBytes(Math.PI)).toBe(9)
})

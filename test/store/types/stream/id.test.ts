// IDs as words against IDs as numbers of 128 bits.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  compareIds,
  ID_BYTES,
  ID_TEXT_BYTES,
  ID_WORDS,
  type IdWords,
  idText,
  incrementId,
  MAX_ID,
  partDifference,
  readId,
  type StreamId,
  setMilliseconds,
  splitId,
  streamId,
  writeIdText,
} from '../../../../src/store/types/stream/id.ts'

function wordsOf(id: StreamId): IdWords {
  const words = new Int32Array(ID_WORDS)
  splitId(id, words)
  return words
}

function idOf({ buffer, byteOffset }: IdWords): StreamId {
  return readId(new DataView(buffer, byteOffset, ID_BYTES), 0)
}

const part = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(
    0n,
    1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
  ),
)
const id = fc.tuple(part, part).map(([milliseconds, sequence]) => streamId(milliseconds, sequence))

test('are compared, and their parts subtracted', () => {
  fc.assert(
    fc.property(id, id, (a, b) => {
      const [x, y] = [wordsOf(a), wordsOf(b)]
      expect(Math.sign(compareIds(x, y))).toBe(a < b ? -1 : a > b ? 1 : 0)
      expect(partDifference(x, y, 0)).toBe(Number(BigInt.asIntN(64, (a >> 64n) - (b >> 64n))))
      expect(partDifference(x, y, 2)).toBe(Number(BigInt.asIntN(64, a - b)))
    }),
  )
})

test('are printed', () => {
  const bytes = Buffer.alloc(ID_TEXT_BYTES)
  fc.assert(
    fc.property(id, (a) => {
      expect(bytes.toString('latin1', 0, writeIdText(bytes, 0, wordsOf(a)))).toBe(idText(a))
    }),
  )
})

test('are followed by the next one', () => {
  fc.assert(
    fc.property(id, (a) => {
      const words = wordsOf(a)
      expect(incrementId(words)).toBe(a !== MAX_ID)
      expect(idOf(words)).toBe(BigInt.asUintN(128, a + 1n))
    }),
  )
  const last = wordsOf(MAX_ID)
  expect(incrementId(last)).toBe(false)
  expect(idOf(last)).toBe(0n)
})

test('begin with the milliseconds of a clock', () => {
  const words = wordsOf(MAX_ID)
  fc.assert(
    fc.property(fc.maxSafeNat(), (ms) => {
      setMilliseconds(words, Float64Array.of(ms))
      expect(idOf(words)).toBe(streamId(BigInt(ms), 0n))
    }),
  )
})

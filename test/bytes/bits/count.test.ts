// Counting bits, natively and in JavaScript, against one bit at a time.

import { expect, test } from 'vitest'
import { countBits } from '../../../src/bytes/bits/count.ts'
import { loadPopulationCount, PIECE_BYTES } from '../../../src/bytes/bits/population-count.ts'
import { seededRandom } from '../../support/random.ts'

const SIZE = 3 * PIECE_BYTES + 64
const random = seededRandom(5)
const words = new Int32Array(SIZE / 4)
const bytes = new Uint8Array(words.buffer)
/** Bits set before each byte. */
const before = new Int32Array(SIZE + 1)
for (let i = 0; i < SIZE; i++) {
  bytes[i] = random() * 256
  let bits = 0
  for (let bit = 0; bit < 8; bit++) bits += (bytes[i] >>> bit) & 1
  before[i + 1] = before[i] + bits
}

function expectCount(start: number, end: number): void {
  const counted = countBits(bytes, words, start, end)
  if (counted !== before[end] - before[start])
    expect.fail(`${counted} bits from ${start} to ${end}, not ${before[end] - before[start]}`)
}

test('counts ranges of every length between all alignments', () => {
  for (let start = 0; start < 9; start++)
    for (let length = 0; length < 1100; length++) expectCount(start, start + length)
})

test('counts ranges of more than one piece', () => {
  for (const length of [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 31])
    for (let start = 0; start < 5; start++) expectCount(start, start + length)
})

test('a shorter count after a longer one does not see its bytes', () => {
  const native = loadPopulationCount()
  if (native === null) expect.fail('there is no WebAssembly')
  native.memory.fill(255)
  expect(native.count(PIECE_BYTES)).toBe(8 * PIECE_BYTES)
  for (const length of [1, 31, 32, 33, 63, 64, 65]) {
    native.memory.fill(255)
    expect(native.count(length)).toBe(8 * length)
  }
})

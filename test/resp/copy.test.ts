// Copies of every length and alignment, from buffers known and unknown.

import { expect, test } from 'vitest'
import { Copier } from '../../src/resp/copy.ts'

const target = Buffer.alloc(5000)
const view = new DataView(target.buffer, target.byteOffset, target.length)

function check(copier: Copier, source: Uint8Array, start: number, length: number, at: number): void {
  target.fill(0xee)
  copier.copy(source, start, start + length, target, view, at)
  const expected = Buffer.alloc(target.length, 0xee)
  expected.set(source.subarray(start, start + length), at)
  expect(target.equals(expected), `${length} bytes from ${start} to ${at}`).toBe(true)
}

const lengths = [...Array.from({ length: 70 }, (_, i) => i), 255, 256, 1023, 1024, 1025, 3000]

test.each([4000, 200_000])('from a buffer of %i bytes', (size) => {
  const copier = new Copier()
  // A view into the middle of its memory, as an arena's segment or a pooled buffer is.
  const source = new Uint8Array(new ArrayBuffer(size + 16), 8, size).map((_, i) => (i * 7 + (i >> 8)) & 0xff)
  for (const length of lengths) {
    for (let shift = 0; shift < 4; shift++) check(copier, source, shift, length, 3 - shift)
  }
  check(copier, source, size - 1000, 1000, 4000)
})

test('from several buffers in turn', () => {
  const copier = new Copier()
  const sources = [100, 200_000, 300_000, 100].map((size, n) => new Uint8Array(size).fill(n + 1))
  for (let i = 0; i < 12; i++) {
    check(copier, sources[i % 4], i, 40, i)
    check(copier, sources[i % 3], i, 50, i)
    if (i % 5 === 0) copier.forget()
  }
})

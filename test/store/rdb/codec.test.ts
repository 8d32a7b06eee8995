// The parts of the codec on their own: checksum, compression, listpacks.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteRange } from '../../../src/store/rdb/byte-range.ts'
import { crc64 } from '../../../src/store/rdb/crc64.ts'
import { compress, decompress, MAX_RATIO } from '../../../src/store/rdb/lzf.ts'
import { ListpackElements } from '../../../src/store/rdb/packed/listpack.ts'
import { listpack } from './encodings.ts'

function checksum(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const words = new Int32Array(2)
  crc64(bytes, start, end, words)
  return [words[1], words[0]].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/** The definition, bit by bit. */
function slowChecksum(bytes: Uint8Array): string {
  let crc = 0n
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ ((crc & 1n) === 1n ? 0x95ac9329ac4bc9b5n : 0n)
  }
  return crc.toString(16).padStart(16, '0')
}

describe('CRC-64', () => {
  test('of the check value', () => {
    expect(checksum(Buffer.from('123456789'))).toBe('e9c6d914c4b8d9ca')
    expect(checksum(Buffer.from('<123456789>'), 1, 10)).toBe('e9c6d914c4b8d9ca')
  })

  test('of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(checksum(bytes)).toBe(slowChecksum(bytes))
      }),
    )
  })
})

/** Bytes with repetitions near and far. */
const repetitive = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 400 }))
        .map(([bytes, times]) =>
          Uint8Array.from({ length: bytes.length * times }, (_, i) => bytes[i % bytes.length]),
        ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat([...parts, ...parts]))

describe('LZF', () => {
  test('decompresses what it compressed', () => {
    fc.assert(
      fc.property(repetitive, fc.nat(100), (bytes, saved) => {
        const target = Buffer.alloc(bytes.length + 200, 0xaa)
        const limit = 3 + Math.max(0, bytes.length - saved)
        const end = compress(bytes, 0, bytes.length, target, 3, limit)
        expect(target.subarray(0, 3)).toEqual(Buffer.alloc(3, 0xaa))
        expect(target.subarray(limit).every((byte) => byte === 0xaa)).toBe(true)
        if (end === 0) return
        expect(bytes.length).toBeLessThanOrEqual((end - 3) * MAX_RATIO)
        const output = Buffer.alloc(bytes.length + 2, 0xbb)
        expect(decompress(target, 3, end, output, 1, 1 + bytes.length)).toBe(true)
        expect(output.subarray(1, 1 + bytes.length)).toEqual(bytes)
        expect([output[0], output.at(-1)]).toEqual([0xbb, 0xbb])
      }),
    )
  })

  test('writes nothing outside of its target, whatever the input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(80), (input, length) => {
        const output = Buffer.alloc(length + 20, 0xbb)
        decompress(input, 0, input.length, output, 10, 10 + length)
        expect(output.subarray(0, 10)).toEqual(Buffer.alloc(10, 0xbb))
        expect(output.subarray(10 + length)).toEqual(Buffer.alloc(10, 0xbb))
      }),
    )
  })

  test('finds repetitions up to 8192 bytes back, and not across inputs', () => {
    const noise = Buffer.from(
      fc.sample(fc.uint8Array({ minLength: 8000, maxLength: 8000 }), { seed: 1, numRuns: 1 })[0],
    )
    const target = Buffer.alloc(20_000)
    const twice = Buffer.concat([noise, noise])
    expect(compress(twice, 0, twice.length, target, 0, twice.length)).toBeLessThan(9000)
    expect(compress(noise, 0, noise.length, target, 0, noise.length)).toBe(0)
  })
})

describe('listpacks', () => {
  const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const edges = [6, 7, 12, 13, 15, 16, 23, 24, 31, 32, 52, 53, 63].flatMap((bits) =>
    [-2n, -1n, 0n, 1n].flatMap((delta) => [2n ** BigInt(bits) + delta, -(2n ** BigInt(bits)) + delta]),
  )
  const element = fc.oneof(
    integer.map(String),
    fc.constantFrom(...edges.map(String)),
    fc.constantFrom('', '-0', '007', '1.5', '9223372036854775808'),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom(63, 64, 127, 128, 4095, 4096, 16_370, 16_383, 20_000).map((n) => 'x'.repeat(n)),
  )

  test('give back what was appended', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 200 }), (elements) => {
        const packed = listpack(elements)
        const source = new ByteRange()
        source.point(packed, 0, packed.length)
        const reader = new ListpackElements(source)
        const read: string[] = []
        const into = new ByteRange()
        while (reader.next(into)) read.push(into.bytes.toString('latin1', into.start, into.end))
        expect(read).toEqual(elements)
      }),
    )
  })
})

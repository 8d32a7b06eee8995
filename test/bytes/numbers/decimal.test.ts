import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  integerDigits,
  isCanonicalInteger,
  parseInt64,
  parseInteger,
  writeInteger,
} from '../../../src/bytes/numbers/decimal.ts'

/** Runs `parse` on the text alone, and on the text surrounded by other digits. */
function both<T>(parse: (bytes: Uint8Array, start: number, end: number) => T, text: string): T {
  const alone = parse(Buffer.from(text, 'latin1'), 0, text.length)
  const within = parse(Buffer.from(`77${text}88`, 'latin1'), 2, 2 + text.length)
  expect(within).toStrictEqual(alone)
  return alone
}

const MAX = 2n ** 63n - 1n
const MIN = -(2n ** 63n)

const NOT_INTEGERS = [
  '',
  '-',
  '+1',
  ' 1',
  '1 ',
  '01',
  '-01',
  '00',
  '-0',
  '--1',
  '1-',
  '1.0',
  '1e3',
  '0x1',
  'a',
  '/',
  ':',
  '1\0',
  '\xb1',
  '9223372036854775808',
  '-9223372036854775809',
  '9999999999999999999',
  '10000000000000000000',
  '-10000000000000000000',
  '99999999999999999999',
  '1'.repeat(100),
]

test.each(NOT_INTEGERS)('%j is not an integer', (text) => {
  expect(both(parseInteger, text)).toBeNaN()
  expect(both(parseInt64, text)).toBeNull()
  expect(both(isCanonicalInteger, text)).toBe(false)
})

test('integers up to 2^53 - 1 are numbers, the rest of int64 only bigints', () => {
  fc.assert(
    fc.property(fc.oneof(fc.bigInt({ min: MIN, max: MAX }), fc.bigInt({ min: -1000n, max: 1000n })), (n) => {
      const text = n.toString()
      const safe = n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER
      expect(both(parseInteger, text)).toBe(safe ? Number(n) : Number.NaN)
      expect(both(parseInt64, text)).toBe(n)
      expect(both(isCanonicalInteger, text)).toBe(true)
    }),
  )
})

test.each([
  [0n, 0],
  [BigInt(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
  [BigInt(Number.MIN_SAFE_INTEGER), Number.MIN_SAFE_INTEGER],
  [BigInt(Number.MAX_SAFE_INTEGER) + 1n, Number.NaN],
  [BigInt(Number.MAX_SAFE_INTEGER) + 2n, Number.NaN],
  [BigInt(Number.MIN_SAFE_INTEGER) - 1n, Number.NaN],
  [9_999_999_999_999_999n, Number.NaN],
  [MAX, Number.NaN],
  [MIN, Number.NaN],
])('%s', (n, expected) => {
  expect(both(parseInteger, n.toString())).toBe(expected)
  expect(both(parseInt64, n.toString())).toBe(n)
})

test('a text is canonical if and only if formatting returns it', () => {
  const texts = fc.string({ unit: fc.constantFrom(...'-+0123456789 '), maxLength: 21 })
  fc.assert(
    fc.property(texts, (text) => {
      let canonical = false
      if (/^-?\d+$/.test(text)) {
        const n = BigInt(text)
        canonical = n.toString() === text && n >= MIN && n <= MAX
      }
      expect(both(isCanonicalInteger, text)).toBe(canonical)
      expect(both(parseInt64, text) !== null).toBe(canonical)
    }),
  )
})

describe('writing', () => {
  const edges = [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999, 100_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32]
  const all = [...edges, ...Array.from({ length: 16 }, (_, n) => 10 ** n), Number.MAX_SAFE_INTEGER]
  test.each([...all, ...all.map((n) => -n)])('%d', (n) => {
    const text = String(n)
    const bytes = Buffer.alloc(24, 0x2e)
    expect(integerDigits(n)).toBe(text === '0' ? 1 : text.length)
    expect(writeInteger(bytes, 3, n)).toBe(3 + integerDigits(n))
    expect(bytes.toString('latin1')).toBe(`...${n === 0 ? '0' : text}`.padEnd(24, '.'))
  })

  test('parses as itself', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => {
        const bytes = Buffer.alloc(17)
        const end = writeInteger(bytes, 0, n)
        expect(bytes.toString('latin1', 0, end)).toBe(String(n))
        expect(parseInteger(bytes, 0, end)).toBe(n)
      }),
    )
  })
})

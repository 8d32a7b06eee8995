// Decimals of many digits: rounded as JavaScript's own parser rounds them, or left to it.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseLongDecimal } from '../../../src/bytes/numbers/long-decimal.ts'

function parse(text: string): number {
  const bytes = Buffer.from(`7${text}8`, 'latin1')
  return parseLongDecimal(bytes, 1, 1 + text.length)
}

/** What most numbers with a fraction look like. */
test.each([
  '0.8412945577135750',
  '-1234.3333333333333',
  '0.30000000000000004',
  '100000000000000000000',
  '1234567890123456.',
])('%s', (text) => expect(parse(text)).toBe(Number(text)))

test.each(['', '-', '.', '1.2.3', '1e5', '+1', 'x', ' 1', '0', `1.${'0'.repeat(23)}`, '1'.repeat(31)])(
  '%j is left to others',
  (text) => expect(parse(text)).toBeNaN(),
)

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 32 })

test('any digits', () => {
  const decimals = fc.tuple(fc.boolean(), digits, fc.nat(32)).map(([negative, text, at]) => {
    const decimal = at < text.length ? `${text.slice(0, at)}.${text.slice(at)}` : text
    return negative ? `-${decimal}` : decimal
  })
  fc.assert(
    fc.property(decimals, (text) => {
      const parsed = parse(text)
      if (!Number.isNaN(parsed)) expect(parsed).toBe(Number(text))
    }),
    { numRuns: 1000 },
  )
})

test('middles between two doubles, and what is next to them', () => {
  fc.assert(
    fc.property(fc.bigInt(2n ** 53n, 2n ** 54n - 1n), fc.integer({ min: -9, max: 9 }), (odd, off) => {
      // An odd number of 54 bits times 5, in tenths: an odd number of halves.
      const tenths = String((odd | 1n) * 5n)
      const near = BigInt(tenths) * 1000n + BigInt(off)
      for (const text of [
        `${tenths.slice(0, -1)}.${tenths.slice(-1)}`,
        `${String(near).slice(0, -4)}.${String(near).slice(-4)}`,
      ]) {
        const parsed = parse(text)
        if (!Number.isNaN(parsed)) expect(parsed).toBe(Number(text))
      }
    }),
    { numRuns: 500 },
  )
})

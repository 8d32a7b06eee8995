import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatDouble,
  formatDouble17,
  formatFixed,
  parseBound,
  parseDouble,
  SHORT_DOUBLE_BYTES,
  writeShortDouble,
} from '../../../src/bytes/numbers/double.ts'
import { describeWithRedis } from '../../support/redis-server.ts'

function parse(text: string): number {
  const bytes = Buffer.from(`12${text}34`, 'latin1')
  return parseDouble(bytes, 2, 2 + text.length)
}

/** Exactly halfway between 1 and the next double. */
const HALFWAY = '1.00000000000000011102230246251565404236316680908203125'

const NUMBERS: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['-0', -0],
  ['+1', 1],
  ['1.5', 1.5],
  ['-.5', -0.5],
  ['5.', 5],
  ['007', 7],
  ['0.1', 0.1],
  ['1e3', 1000],
  ['1E-3', 0.001],
  ['123456789012345', 123456789012345],
  ['0.00000000000001', 1e-14],
  ['9007199254740993', 9007199254740992],
  ['0.30000000000000004', 0.30000000000000004],
  ['1.7976931348623157e308', Number.MAX_VALUE],
  ['1.7976931348623158e308', Number.MAX_VALUE],
  ['5e-324', 5e-324],
  ['2.48e-324', 5e-324],
  ['2.2250738585072011e-308', 2.225073858507201e-308],
  ['0e999999999999', 0],
  ['-0e-999999999999', -0],
  [HALFWAY, 1],
  [`${HALFWAY}0001`, 1.0000000000000002],
  [`${HALFWAY}${'0'.repeat(2000)}1`, 1.0000000000000002],
  [`${'0'.repeat(2000)}.${'0'.repeat(2000)}125e2000`, 0.125],
  [`1${'0'.repeat(2000)}e-2000`, 1],
  [`${'1'.repeat(309)}`, Number('1'.repeat(309))],
  ['0x10', 16],
  ['-0X1.8p1', -3],
  ['0x.8', 0.5],
  ['0x1p-1074', 5e-324],
  ['0x1.8p-1075', 5e-324],
  ['0x1.fffffffffffff8p0', 2],
  ['0x1.fffffffffffff7p0', 1.9999999999999998],
  ['0x1.00000000000008p0', 1],
  ['0x1.000000000000080000000000000000001p0', 1.0000000000000002],
  ['0x1.fffffffffffffp1023', Number.MAX_VALUE],
  [`0x${'0'.repeat(2000)}1${'0'.repeat(2000)}p-8000`, 1],
  ['inf', Number.POSITIVE_INFINITY],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['-INFINITY', Number.NEGATIVE_INFINITY],
]

const INVALID = [
  ...['', ' 1', '1 ', '\n1', '1\0', '.', '-', '+', '-.', 'e', '1e', '1e+', '1e1.5', '1.2.3', '1,5', '1_0'],
  ...[
    '--1',
    '+-1',
    '0x',
    '0x.',
    '0x1p',
    '0xp1',
    '1f',
    'nan',
    'NaN',
    '-nan',
    'nan(1)',
    'in',
    'infx',
    'Infinity1',
  ],
  ...['1e309', '-1e309', '1.7976931348623159e308', '1e99999999999999', '0x1p1024', '0x1.fffffffffffff8p1023'],
  ...['2.47e-324', '1e-400', '-1e-99999999999999', '0x1p-1075', '0x1p-99999999999999'],
]

describe('parsing', () => {
  test.each(NUMBERS.map(([text, n]) => [text.slice(0, 60), text, n] as const))('%j', (_, text, n) => {
    expect(parse(text)).toBe(n)
  })

  test.each(INVALID)('%j is not a number', (text) => {
    expect(parse(text)).toBeNaN()
  })

  test('agrees with JavaScript where both accept the text', () => {
    const digits = fc.stringMatching(/^[0-9]{1,20}$/)
    const exponent = fc.integer({ min: -330, max: 310 })
    fc.assert(
      fc.property(digits, digits, fc.option(exponent), fc.boolean(), (whole, fraction, e, negative) => {
        const text = `${negative ? '-' : ''}${whole}.${fraction}${e === null ? '' : `e${e}`}`
        const n = Number(text)
        const zero = /^-?[0.]+(e|$)/.test(text)
        expect(parse(text)).toBe(!Number.isFinite(n) || (n === 0 && !zero) ? Number.NaN : n)
      }),
    )
  })

  test('a very long text is parsed in bounded memory', () => {
    const long = Buffer.alloc(4_000_000, 0x31)
    long[1] = 0x2e
    expect(parseDouble(long, 0, long.length)).toBe(1.1111111111111112)
  })
})

// value, shortest text (Redis 7.2), %.17g (Redis 7.0)
const PRINTED: readonly (readonly [number, string, string])[] = [
  [0, '0', '0'],
  [-0, '-0', '-0'],
  [1, '1', '1'],
  [-42, '-42', '-42'],
  [1.5, '1.5', '1.5'],
  [0.1, '0.1', '0.10000000000000001'],
  [3.2, '3.2', '3.2000000000000002'],
  [-1.1, '-1.1', '-1.1000000000000001'],
  [1 / 3, '0.3333333333333333', '0.33333333333333331'],
  [123.456, '123.456', '123.456'],
  [1e5, '100000', '100000'],
  [1e15, '1000000000000000', '1000000000000000'],
  [1e16, '10000000000000000', '10000000000000000'],
  [1e17, '100000000000000000', '1e+17'],
  [123456789012345680000, '123456789012345680000', '1.2345678901234568e+20'],
  [2 ** 62, '4611686018427387904', '4.6116860184273879e+18'],
  [5e18, '5e+18', '5e+18'],
  [1e21, '1e+21', '1e+21'],
  [1.5e300, '1.5e+300', '1.5000000000000001e+300'],
  [0.001, '0.001', '0.001'],
  [0.0001, '0.0001', '0.0001'],
  [0.00001, '0.00001', '1.0000000000000001e-05'],
  [0.000001, '0.000001', '9.9999999999999995e-07'],
  [1e-7, '1e-7', '9.9999999999999995e-08'],
  [1.5e-7, '1.5e-7', '1.4999999999999999e-07'],
  [0.00123456789, '0.00123456789', '0.0012345678899999999'],
  [0.000123456789, '1.23456789e-4', '0.000123456789'],
  [5e-324, '5e-324', '4.9406564584124654e-324'],
  [Number.MAX_VALUE, '1.7976931348623157e+308', '1.7976931348623157e+308'],
  // Exact halves at the 17th digit: half to even.
  [1 + 2 ** -17, '1.0000076293945312', '1.0000076293945312'],
  [1 + 3 * 2 ** -17, '1.0000228881835938', '1.0000228881835938'],
  [Number.POSITIVE_INFINITY, 'inf', 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf', '-inf'],
  [Number.NaN, 'nan', 'nan'],
]

describe('formatting', () => {
  test.each(PRINTED)('%d', (value, shortest, seventeen) => {
    expect(formatDouble(value)).toBe(shortest)
    expect(formatDouble17(value)).toBe(seventeen)
  })

  test('both texts parse as the value', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(parse(formatDouble(value))).toBe(value)
        expect(parse(formatDouble17(value))).toBe(value)
      }),
    )
  })
})

test.each([
  [0, 6, '0.000000'],
  [-0, 6, '-0.000000'],
  [-180.5, 6, '-180.500000'],
  [0.0078125, 6, '0.007812'],
  [-0.0234375, 6, '-0.023438'],
  [2.5e-7, 6, '0.000000'],
  [999.9999996, 6, '1000.000000'],
  [1e21, 6, '1000000000000000000000.000000'],
  [-1e23, 2, '-99999999999999991611392.00'],
  [Number.NEGATIVE_INFINITY, 6, '-inf'],
])('%f with %i digits after the point is %s', (value, digits, text) => {
  expect(formatFixed(value, digits)).toBe(text)
})

describeWithRedis('scores of redis-server', (redis) => {
  test('are parsed and formatted the same', async () => {
    const version = String(await redis().call('INFO', 'server')).match(/redis_version:(\d+)\.(\d+)/)
    const shortest = Number(version?.[1]) * 100 + Number(version?.[2]) >= 702
    const format = shortest ? formatDouble : formatDouble17
    const text = fc.oneof(
      fc.double({ noNaN: true }).map(String),
      fc.tuple(fc.integer(), fc.integer({ min: 0, max: 30 })).map(([n, bits]) => String(n / 2 ** bits)),
      fc.stringMatching(/^[+-]?[0-9]{0,20}\.?[0-9]{0,20}(e[+-]?[0-9]{1,3})?$/),
      fc.stringMatching(/^-?0x[0-9a-f]{0,18}\.?[0-9a-f]{0,18}(p-?[0-9]{1,4})?$/),
      // Redis takes NX and XX for options, here too, and up to a zero byte.
      fc
        .string({ unit: fc.constantFrom(...'0123456789.eExXpP+-infnaINF \0'), maxLength: 10 })
        .filter((t) => !/^[nx]x/i.test(t)),
    )
    const texts = [
      ...NUMBERS.map(([known]) => known),
      ...INVALID,
      ...PRINTED.map(([value]) => String(value)),
      ...fc.sample(text, { numRuns: 2000, seed: 6 }),
    ]
    const replies = await redis().pipeline(
      texts.flatMap((score) => [
        ['DEL', 'z'],
        ['ZINCRBY', 'z', score, 'm'],
      ]),
    )
    texts.forEach((score, i) => {
      const n = parse(score)
      const reply = replies[2 * i + 1]
      const answer = reply instanceof Error ? reply.message : reply
      expect(Number.isNaN(n) ? 'ERR value is not a valid float' : format(n), score.slice(0, 60)).toBe(answer)
    })
  })
})

describe('writeShortDouble', () => {
  const cell = new Float64Array(1)
  const bytes = Buffer.alloc(SHORT_DOUBLE_BYTES)
  const write = (value: number): string | undefined => {
    cell[0] = value
    const end = writeShortDouble(bytes, 0, cell)
    return end < 0 ? undefined : bytes.toString('latin1', 0, end)
  }

  test('writes what formatDouble gives, or nothing', () => {
    const property = (value: number): void => {
      expect(write(value) ?? formatDouble(value)).toBe(formatDouble(value))
    }
    fc.assert(fc.property(fc.double(), property))
    fc.assert(fc.property(fc.maxSafeInteger(), property))
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 22 }), (n, places) =>
        property(n / 10 ** places),
      ),
    )
    for (let power = 0; power < 80; power++)
      for (const x of [2 ** power, 2 ** -power, 10 ** power, 10 ** -power])
        for (const y of [x, -x, x - 1, 1 / x]) property(y)
  })

  test('integers and short decimals', () => {
    for (const value of [
      0,
      -0,
      7,
      -12,
      2 ** 31,
      2 ** 53 - 1,
      0.5,
      -19.99,
      123456.789012,
      0.00123456789012,
      99999999.25,
    ])
      expect(write(value)).toBe(formatDouble(value))
    expect([1e300, 0.1 + 0.2, Infinity, NaN].map(write)).toEqual([undefined, undefined, undefined, undefined])
  })
})

test('a bound of a range is parsed as strtod does', () => {
  const parse = (text: string): number => parseBound(Buffer.from(text), 0, text.length)
  expect(['', ' 1.5', '1e400', '-1e400', '1e-400', 'inf', '0x10'].map(parse)).toEqual([
    0,
    1.5,
    Infinity,
    -Infinity,
    0,
    Infinity,
    16,
  ])
  expect([' ', '1 ', 'x', 'nan', '(1'].map(parse)).toEqual([NaN, NaN, NaN, NaN, NaN])
})

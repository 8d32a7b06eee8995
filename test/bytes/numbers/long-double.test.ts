import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addLongDoubles, formatLongDouble, parseLongDouble } from '../../../src/bytes/numbers/long-double.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import type { RedisReply } from '../../support/resp.ts'

const INVALID = 'ERR value is not a valid float'
const INFINITE = 'ERR increment would produce NaN or Infinity'

/** The reply of INCRBYFLOAT for a key that holds `value`. */
function increment(value: string, by: string): string {
  const a = parseLongDouble(Buffer.from(value, 'latin1'), 0, value.length)
  const b = parseLongDouble(Buffer.from(by, 'latin1'), 0, by.length)
  if (a === null || b === null) return INVALID
  const sum = addLongDoubles(a, b)
  return sum === null ? INFINITE : formatLongDouble(sum)
}

/** Texts with their known result when added to 0. */
const SINGLES: readonly (readonly [string, string])[] = [
  ['0', '0'],
  ['-0', '0'],
  ['+0', '0'],
  ['00012', '12'],
  ['5.', '5'],
  ['.5', '0.5'],
  ['-.5', '-0.5'],
  ['+1.5', '1.5'],
  ['1e3', '1000'],
  ['1E+3', '1000'],
  ['1e-3', '0.001'],
  ['3.0e3', '3000'],
  ['1e-17', '0.00000000000000001'],
  ['1e-18', '0'],
  ['-1e-18', '0'],
  ['5e-18', '0'],
  ['6e-18', '0.00000000000000001'],
  ['0.1', '0.1'],
  ['0.30000000000000004', '0.30000000000000004'],
  // Exact halves at the last digit printed: half to even.
  ['0x1p-18', '0.00000381469726562'],
  ['0x3p-18', '0.00001144409179688'],
  ['9007199254740993', '9007199254740993'],
  ['9223372036854775807', '9223372036854775807'],
  ['-9223372036854775808', '-9223372036854775808'],
  ['18446744073709551615', '18446744073709551615'],
  // One bit too long: half to even.
  ['18446744073709551617', '18446744073709551616'],
  ['18446744073709551619', '18446744073709551620'],
  ['0x10', '16'],
  ['0X1.8P1', '3'],
  ['-0x.8p-1', '-0.25'],
  ['0x1p-16445', '0'],
  ['0e99999999999999999999', '0'],
  ['0x0p99999999999999999999', '0'],
  ['1e-4950', '0'],
  [`0.${'0'.repeat(4000)}1e4001`, '1'],
  [`1${'0'.repeat(4000)}e-4000`, '1'],
  ['', INVALID],
  [' 1', INVALID],
  ['1 ', INVALID],
  ['\t1', INVALID],
  ['1\0', INVALID],
  ['.', INVALID],
  ['-', INVALID],
  ['+', INVALID],
  ['e5', INVALID],
  ['.e5', INVALID],
  ['1e', INVALID],
  ['1e+', INVALID],
  ['1e5.0', INVALID],
  ['1.2.3', INVALID],
  ['1,5', INVALID],
  ['1_000', INVALID],
  ['--1', INVALID],
  ['+-1', INVALID],
  ['0x', INVALID],
  ['0x.', INVALID],
  ['0x1p', INVALID],
  ['0xg', INVALID],
  ['12abc', INVALID],
  ['nan', INVALID],
  ['-NaN', INVALID],
  ['nan(123)', INVALID],
  ['infinit', INVALID],
  ['infinityx', INVALID],
  ['1e4933', INVALID],
  ['-1e4933', INVALID],
  ['1e99999999999999999999', INVALID],
  ['0x1p16384', INVALID],
  ['1e-4951', INVALID],
  ['-1e-4951', INVALID],
  ['1e-99999999999999999999', INVALID],
  ['0x1p-16446', INVALID],
  ['1'.repeat(5119), INVALID],
  [`0.${'1'.repeat(5118)}`, INVALID],
  [`0.${'0'.repeat(5117)}`, '0'],
  [`0.${'1'.repeat(5117)}`, '0.11111111111111111'],
  ['inf', INFINITE],
  ['-inf', INFINITE],
  ['+INF', INFINITE],
  ['InFiNiTy', INFINITE],
]

const PAIRS: readonly (readonly [string, string, string])[] = [
  ['10.50', '0.1', '10.6'],
  ['0.1', '0.2', '0.3'],
  ['5.0e3', '2.0e2', '5200'],
  ['3', '-3', '0'],
  ['1.23', '-1.23', '0'],
  ['-0', '-0', '0'],
  ['17179869184', '1.5', '17179869185.5'],
  ['1e19', '1', '10000000000000000001'],
  // 2^64 has no room for the last bit: half to even goes down, then up.
  ['18446744073709551616', '1', '18446744073709551616'],
  ['18446744073709551618', '1', '18446744073709551620'],
  ['1e30', '1e-30', '1000000000000000000024696061952'],
  ['1e4932', '-1e4932', '0'],
  ['1e4932', '1e4932', INFINITE],
  ['inf', '-inf', INFINITE],
  ['inf', '1', INFINITE],
  ['1', 'x', INVALID],
]

const KNOWN = [...SINGLES.map(([text, expected]) => ['0', text, expected] as const), ...PAIRS]

/** The sum, short enough for the name of a test. */
function label(a: string, b: string): string {
  const short = (text: string) => (text.length > 40 ? `${text.slice(0, 20)}… (${text.length} bytes)` : text)
  return JSON.stringify(`${short(a)} + ${short(b)}`)
}

/** The replies of INCRBYFLOAT to each pair of a value and an increment, errors as their text. */
async function incrementInRedis(
  redis: RedisServer,
  pairs: readonly (readonly [string, string, ...unknown[]])[],
): Promise<RedisReply[]> {
  const commands = pairs.flatMap(([a, b]) => [
    ['SET', 'k', a],
    ['INCRBYFLOAT', 'k', b],
  ])
  const replies = await redis.pipeline(commands)
  return pairs.map((_, i) => {
    const reply = replies[2 * i + 1]
    return reply instanceof Error ? reply.message : reply
  })
}

describe('the sum of two numbers', () => {
  test.each(KNOWN.map((known) => [label(known[0], known[1]), ...known]))('%s', (_, a, b, expected) => {
    expect(increment(a, b)).toBe(expected)
    expect(increment(b, a)).toBe(expected)
  })

  test('the largest number prints all its digits', () => {
    const largest = ((2n ** 64n - 1n) << 16320n).toString()
    expect(increment('0', '0xffffffffffffffffp16320')).toBe(largest)
    expect(increment('0', largest)).toBe(largest)
    // Half a unit of the last bit more is the first text that overflows.
    const half = 1n << 16319n
    expect(increment('0', (BigInt(largest) + half - 1n).toString())).toBe(largest)
    expect(increment('0', (BigInt(largest) + half).toString())).toBe(INVALID)
  })

  test('only the given range is parsed', () => {
    const bytes = Buffer.from('9991.2599')
    const value = parseLongDouble(bytes, 3, 7)
    expect(value && formatLongDouble(value)).toBe('1.25')
  })
})

test('integers of 64 bits are unchanged', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 64n) + 1n, max: 2n ** 64n - 1n }), (n) => {
      expect(increment('0', n.toString())).toBe(n.toString())
    }),
  )
})

test('formatted text parses as itself', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: -50, max: 17 }),
      (n, exponent) => {
        const once = increment('0', `${n}e${exponent}`)
        if (once !== INVALID) expect(increment('0', increment('0', once))).toBe(once)
      },
    ),
  )
})

test('hostile texts take bounded time', () => {
  const texts = ['9'.repeat(4932), `1.${'3'.repeat(5100)}e-4940`, `0x${'f'.repeat(5117)}p-30000`, '1e4932']
  for (const text of texts) for (let i = 0; i < 10; i++) increment(text, '1e-4900')
  // A millisecond each when measured. What grows faster than the length of a text reaches the limit of the test.
})

const sign = fc.constantFrom('', '-', '+')
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{0,${max}}$`))
const decimal = fc
  .tuple(
    sign,
    digits(25),
    fc.constantFrom('', '.'),
    digits(25),
    fc.constantFrom('', 'e', 'E-', 'e+'),
    digits(2),
  )
  .map((parts) => parts.join(''))
const extreme = fc
  .tuple(sign, digits(22), fc.integer({ min: -4980, max: 4940 }))
  .map(([s, d, e]) => `${s}${d}.${d}e${e}`)
const hex = fc
  .tuple(
    sign,
    fc.stringMatching(/^[0-9a-fA-F]{0,20}\.?[0-9a-fA-F]{0,20}$/),
    fc.integer({ min: -16600, max: 16500 }),
  )
  .map(([s, d, e]) => `${s}0x${d}p${e}`)
const close = fc
  .tuple(sign, fc.stringMatching(/^[0-9a-f]{16,18}$/), fc.integer({ min: -140, max: 20 }))
  .map(([s, d, e]) => `${s}0x${d}p${e}`)
const junk = fc.string({ unit: fc.constantFrom(...'0123456789.eExXpP+-infnaINF \0'), maxLength: 12 })
const number = fc.oneof(decimal, decimal, extreme, hex, close, close, junk)

describeWithRedis('INCRBYFLOAT of redis-server', (redis) => {
  test('replies the same for the known texts', async () => {
    const replies = await incrementInRedis(redis(), KNOWN)
    KNOWN.forEach(([a, b, expected], i) => {
      expect(replies[i], label(a, b)).toBe(expected)
    })
  })

  test('replies the same for random texts', async () => {
    const pairs = fc.sample(fc.tuple(number, number), { numRuns: 3000, seed: 1 })
    const replies = await incrementInRedis(redis(), pairs)
    pairs.forEach(([a, b], i) => {
      expect(increment(a, b), label(a, b)).toBe(replies[i])
    })
  })
})

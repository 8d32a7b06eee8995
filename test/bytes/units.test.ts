import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatDuration,
  formatSize,
  formatSizeOrPercent,
  parseDuration,
  parseSize,
  parseSizeOrPercent,
} from '../../src/bytes/units.ts'

describe('parseSize', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['100b', 100],
    ['1k', 1000],
    ['1kb', 1024],
    ['1m', 1_000_000],
    ['1mb', 1_048_576],
    ['1g', 1_000_000_000],
    ['1gb', 1_073_741_824],
    ['2tb', 2 * 2 ** 40],
    ['64MB', 64 * 2 ** 20],
    ['64Mb', 64 * 2 ** 20],
    [' 64mb ', 64 * 2 ** 20],
    ['1.5gb', 1.5 * 2 ** 30],
    ['0.3kb', 307],
  ])('reads %j as %d', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  test.each([
    '',
    ' ',
    'mb',
    '64 megs',
    '64mbs',
    '-1',
    '1e3',
    '0x10',
    '1..5',
    '.5gb',
    '9007199254740993',
    '9999999tb',
  ])('refuses %j', (text) => {
    expect(parseSize(text)).toBeUndefined()
  })
})

describe('parseDuration', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['500us', 0.5],
  ])('reads %j as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each(['', '5', 'm', '5 m', '-5m', '5M', '5min', '1h 30m', '5m3', '99999999999999w'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined()
    },
  )
})

test('sizes are formatted in one unit', () => {
  expect([0, 1023, 1024, 1536, 64 * 2 ** 20, 1.5 * 2 ** 30, 2 ** 42].map(formatSize)).toEqual([
    '0b',
    '1023b',
    '1kb',
    '1.5kb',
    '64mb',
    '1.5gb',
    '4tb',
  ])
})

test('percentages are negative', () => {
  expect(['0%', '5%', '101%', '5mb', '-5%', '%', '5 %'].map(parseSizeOrPercent)).toEqual([
    0,
    -5,
    -101,
    5 * 2 ** 20,
    undefined,
    undefined,
    undefined,
  ])
  expect([-5, 0, 5 * 2 ** 20].map(formatSizeOrPercent)).toEqual(['5%', '0b', '5mb'])
})

test('durations are formatted exactly', () => {
  expect([0, 1, 999, 60_000, 90_000, 5_400_000, 86_400_001, 0.5].map(formatDuration)).toEqual([
    '0ms',
    '1ms',
    '999ms',
    '1m',
    '1m30s',
    '1h30m',
    '1d1ms',
    '500us',
  ])
})

test('a formatted duration parses as itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms)
    }),
  )
})
